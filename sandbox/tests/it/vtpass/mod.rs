//! The VTpass client against the simulated VTpass, over real connections.

mod client;
mod control;
mod orders;
mod rig;
