//! Draws what was measured as SVG, for the documents.

mod bars;
mod lines;

use std::error::Error;
use std::path::Path;

pub use self::bars::{Bar, Bars};
pub use self::lines::{Chart, Line};

/// Why a picture cannot be drawn: a message for the person at the terminal.
pub type ChartError = Box<dyn Error + Send + Sync>;

/// What can be drawn.
pub trait Picture {
    /// Draws it into an empty text.
    ///
    /// # Errors
    /// When it cannot be drawn.
    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn Error>>;

    /// The picture as SVG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    fn svg(&self) -> Result<String, ChartError> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| error.to_string())?;
        Ok(svg + "\n")
    }

    /// Writes the picture to a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn write(&self, path: &Path) -> Result<(), ChartError> {
        Ok(std::fs::write(path, self.svg()?)?)
    }
}
