//! Where scenario text and data files come from: the only place that reads files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Something that files can be read from.
pub trait Files {
    /// The bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of the files in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads files"
    )]
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(folder)?;
        let name = |entry: io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect()
    }
}

/// Files in memory, for tests.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memory {
    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(tidy(Path::new(path)), bytes.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let found = self.files.get(&tidy(path)).cloned();
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = tidy(folder);
        let inside = self
            .files
            .keys()
            .filter(|path| path.parent() == Some(&folder));
        let names = inside.filter_map(|path| path.file_name());
        Ok(names
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }
}

/// Files that remember what was read, so that everything is read once and is the same ever after.
#[derive(Debug)]
pub(super) struct Remembering<'a, F: ?Sized> {
    inner: &'a F,
    seen: RefCell<BTreeMap<PathBuf, Vec<u8>>>,
}

impl<'a, F: Files + ?Sized> Remembering<'a, F> {
    pub(super) fn new(inner: &'a F) -> Self {
        Self {
            inner,
            seen: RefCell::default(),
        }
    }

    /// What was read.
    pub(super) fn into_memory(self) -> Memory {
        Memory {
            files: self.seen.into_inner(),
        }
    }
}

impl<F: Files + ?Sized> Files for Remembering<'_, F> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = tidy(path);
        if let Some(bytes) = self.seen.borrow().get(&path) {
            return Ok(bytes.clone());
        }
        let bytes = self.inner.read(&path)?;
        self.seen.borrow_mut().insert(path, bytes.clone());
        Ok(bytes)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }
}

/// The path without `.` and without `..` where that can be resolved by its text alone.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(tidy.components().next_back(), Some(Component::Normal(_))) =>
            {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}
