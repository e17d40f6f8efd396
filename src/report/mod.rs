//! 8. Run folder to one self-contained HTML file.
