//! The simulated MTN over plain HTTP: its contracts, its data, its scripts.

mod contract;
mod data;
mod rig;
mod scripts;
mod simulator;
