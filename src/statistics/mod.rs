//! Numbers to numbers: agreement, ranking scores, intervals, tests. No images, no engine.
