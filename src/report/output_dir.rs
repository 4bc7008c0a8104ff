//! The output folder: the only place that writes files.
//!
//! Every file appears whole or not at all: it is written under another name in the same folder and then
//! renamed. So a reader never sees half a file, and an interruption loses at most what was not complete.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::experiment::Findings;
use crate::experiment::plan::Observation;
use crate::scenario::Scenario;

/// The folder of one result.
#[derive(Debug, Clone)]
pub struct OutputDir {
    root: PathBuf,
}

/// A file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {cause}", path.display())]
pub struct OutputError {
    /// `write`, `read`, `make the folder`.
    what: &'static str,
    path: PathBuf,
    #[source]
    cause: io::Error,
}

impl OutputDir {
    /// The folder `root`, made if it is not there.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, OutputError> {
        let root = root.into();
        make(&root)?;
        Ok(Self { root })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Writes a file, given by its path inside the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let path = self.root.join(name);
        let folder = path.parent().unwrap_or(&self.root);
        make(folder)?;
        let failed = |cause| OutputError {
            what: "write",
            path: path.clone(),
            cause,
        };
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.as_file().sync_data().map_err(failed)?;
        readable_by_all(file.as_file()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// Writes JSON, indented, with a newline at its end.
    pub fn write_json(&self, name: &str, value: &Value) -> Result<(), OutputError> {
        self.write(name, format!("{value:#}\n").as_bytes())
    }

    /// Writes the result of making a file's bytes.
    pub fn write_made(&self, name: &str, made: io::Result<Vec<u8>>) -> Result<(), OutputError> {
        let failed = |cause| OutputError {
            what: "write",
            path: self.root.join(name),
            cause,
        };
        self.write(name, &made.map_err(failed)?)
    }

    /// Writes a scenario back, with the data files it uses. `more` is added to its text.
    pub fn write_scenario(&self, scenario: &Scenario, more: &str) -> Result<(), OutputError> {
        let text = format!(
            "{}{}{more}",
            scenario.resolved(),
            if more.is_empty() { "" } else { "\n" }
        );
        self.write("scenario.resolved.toml", text.as_bytes())?;
        for file in scenario.inputs() {
            self.write(&file.path, &file.bytes)?;
        }
        Ok(())
    }

    /// The findings that are stored for a point, if they are there and whole.
    #[expect(
        clippy::disallowed_methods,
        reason = "results are read back where they are written"
    )]
    pub fn stored(&self, name: &str) -> Option<Findings> {
        let bytes = std::fs::read(self.root.join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// What is stored of the replications of a choice, if it is there and whole.
    #[expect(
        clippy::disallowed_methods,
        reason = "results are read back where they are written"
    )]
    pub fn observed(&self, name: &str) -> Option<Vec<Observation>> {
        let bytes = std::fs::read(self.root.join(name)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Stores what is known of the replications of a choice.
    pub fn observe(&self, name: &str, known: &[Observation]) -> Result<(), OutputError> {
        let made = serde_json::to_vec(known).map_err(io::Error::from);
        self.write_made(name, made)
    }

    /// Stores the findings of a point.
    pub fn store(&self, name: &str, findings: &Findings) -> Result<(), OutputError> {
        let failed = |cause: serde_json::Error| OutputError {
            what: "write",
            path: self.root.join(name),
            cause: cause.into(),
        };
        let mut bytes = serde_json::to_vec(findings).map_err(failed)?;
        bytes.push(b'\n');
        self.write(name, &bytes)
    }
}

fn make(folder: &Path) -> Result<(), OutputError> {
    let failed = |cause| OutputError {
        what: "make the folder",
        path: folder.to_owned(),
        cause,
    };
    std::fs::create_dir_all(folder).map_err(failed)
}

/// Temporary files are private; results are not.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}
