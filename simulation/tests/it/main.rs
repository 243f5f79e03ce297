//! Tests of the simulation: it repeats itself, it finds what is wrong, and today it finds nothing.

mod faults;
mod invariants;
mod runs;
mod schedules;
