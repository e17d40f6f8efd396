//! Light in skin: what is absorbed and scattered, layer on layer, and the colour that a camera sees of it.
//!
//! [`spectra`] holds the measured spectra, [`layers`] stacks them by Kubelka and Munk, [`colour`] turns a reflectance
//! into CIELAB and sRGB, [`table`] makes it fast enough for every pixel.

pub mod spectra;

pub mod layers;

pub mod colour;

pub mod table;
