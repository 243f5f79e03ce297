//! The function that finds what no message led to.

mod chains;
mod look_back;
mod masking;
