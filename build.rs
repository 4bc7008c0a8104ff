//! Tells the program what it was built from: the commit, and the versions of the crates that its random
//! numbers depend on. Both are part of every result's manifest.

use std::process::Command;

#[expect(
    clippy::disallowed_methods,
    reason = "the build looks at its own lock file"
)]
fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    for file in ["HEAD", "refs/heads"] {
        // A path that is not there would have everything built anew each time.
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let commit = commit.unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=CAPSIM_COMMIT={commit}");

    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    for name in ["rand", "rand_distr", "rand_xoshiro"] {
        let version = version_of(&lock, name).unwrap_or("unknown");
        println!("cargo::rustc-env=CAPSIM_{}={version}", name.to_uppercase());
    }
}

/// What git answers; nothing where there is no git, or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The version of a package in a lock file.
fn version_of<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("name = \"{name}\"\n")))?;
    let (_, rest) = entry.split_once("version = \"")?;
    rest.split_once('"').map(|(version, _)| version)
}
