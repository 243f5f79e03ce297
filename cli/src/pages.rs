//! The commands `telco-gateway completions` and `man`: what a shell and a reader know of the tool.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::table::document;

/// The arguments of `completions`.
#[derive(Args)]
#[command(after_long_help = crate::help::COMPLETIONS)]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// The arguments of `man`.
#[derive(Args)]
#[command(after_long_help = crate::help::MAN)]
pub struct ManArguments {
    /// Write a page for each command into this directory, instead of printing the tool's own
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    to: Option<PathBuf>,
}

/// Gives a script that completes the tool's commands.
///
/// # Errors
/// None.
pub fn completions(arguments: &CompletionsArguments, context: &Context) -> Result<String, Failure> {
    let (mut tool, mut script) = (context.tool.clone(), Vec::new());
    clap_complete::generate(arguments.shell, &mut tool, "telco-gateway", &mut script);
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Gives the manual page of the tool, or writes those of all commands.
///
/// # Errors
/// [`Failure`] when they cannot be written.
pub fn man(arguments: &ManArguments, context: &Context) -> Result<String, Failure> {
    let failed =
        |error: std::io::Error| Failure::Refused(format!("the pages cannot be written: {error}"));
    let tool = context.tool.clone();
    let Some(directory) = &arguments.to else {
        let mut page = Vec::new();
        clap_mangen::Man::new(tool).render(&mut page).map_err(failed)?;
        return Ok(String::from_utf8_lossy(&page).into_owned());
    };
    clap_mangen::generate_to(tool, directory).map_err(failed)?;
    let directory = directory.display().to_string();
    Ok(match context.json {
        true => document(&json!({ "directory": directory })),
        false => format!("wrote the pages into {directory}\n"),
    })
}
