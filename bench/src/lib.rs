//! Measures each function as it is deployed: its start, its warm invocations and its memory.
//!
//! Each function runs in a process of its own under the sandbox's emulator of the Lambda Runtime API, with the
//! variables that the template gives it. AWS and the providers are those of a sandbox in this process.
//! Two empty functions, the floors, are measured in the same rounds, because the ratio to a floor depends
//! less on the machine than a duration. The modules, from the bottom up:
//!
//! - [`statistics`] has medians, percentiles and ratios.
//! - [`proc_files`] reads what Linux says of a process.
//! - [`process`] is the process of a function.
//! - [`events`] says which event each function gets.
//! - [`binaries`] builds the functions and the floors, [`comparisons`] the same work in other ways.
//! - [`https`] is a server for the first HTTPS call.
//! - [`subject`] is what is measured.
//! - [`start`] measures one start of one function.
//! - [`instructions`] counts the instructions of a start and of a call.
//! - [`load`] drives the sandbox over HTTP and reads its memory.
//! - [`report`] summarises all starts, [`table`] prints it, and [`targets`] judges it.

pub mod binaries;
pub mod comparisons;
pub mod events;
pub mod https;
pub mod instructions;
pub mod load;
pub mod proc_files;
pub mod process;
pub mod report;
pub mod start;
pub mod statistics;
pub mod subject;
pub mod table;
pub mod targets;

/// Why something cannot be measured: a message for the person at the terminal.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;
