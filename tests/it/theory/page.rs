//! The table of what is compared, for the page about theory.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// Where the table begins and ends in the page.
const MARKS: [&str; 2] = ["<!-- table -->\n", "<!-- end of table -->"];
/// Requests that a case of the first and of the second tier asks for at most.
const TIERS: [f64; 2] = [5e6, 50e6];

/// In which tier a case gets all the requests that it asks for: 0, 1 or 2.
fn tier_of(case: &Value) -> usize {
    let advice = &case["advice"];
    if let Some(requests) = advice["requests_for_main_metrics"].as_f64() {
        return TIERS.iter().filter(|most| requests > **most).count();
    }
    // Hundreds of replications are no matter for every test run.
    usize::from(advice["replications"].as_f64().unwrap_or(0.0) > 300.0)
}

/// One row per family, and their sum.
fn table() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/queueing");
    let entries = std::fs::read_dir(folder).expect("the cases");
    let mut files: Vec<_> = entries.map(|own| own.expect("an entry").path()).collect();
    files.sort();
    let mut text = String::from(
        "| family | cases | values | in full: `commit` | `nightly` | `release` |\n|---|---:|---:|---:|---:|---:|\n",
    );
    let mut all = [0; 5];
    for path in files {
        let file = std::fs::read_to_string(&path).expect("a file");
        let file: Value = serde_json::from_str(&file).expect("cases");
        let cases = file["cases"].as_array().expect("cases");
        let mut own = [cases.len(), 0, 0, 0, 0];
        for case in cases {
            own[1] += case["metrics"].as_array().expect("metrics").len();
            for number in tier_of(case)..3 {
                own[2 + number] += 1;
            }
        }
        let name = file["family"].as_str().expect("a family");
        let [cases, values, commit, nightly, release] = own;
        let _ = writeln!(
            text,
            "| `{name}` | {cases} | {values} | {commit} | {nightly} | {release} |"
        );
        for (sum, own) in all.iter_mut().zip(own) {
            *sum += own;
        }
    }
    let [cases, values, commit, nightly, release] = all;
    let _ = writeln!(
        text,
        "| all | {cases} | {values} | {commit} | {nightly} | {release} |"
    );
    text
}

/// Writes the table anew with `CAPSIM_UPDATE_DOCS=1 cargo test`.
#[test]
fn the_table_of_the_cases_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/theory.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(MARKS[0]).expect("the table begins");
    let (_, after) = rest.split_once(MARKS[1]).expect("the table ends");
    let made = format!("{before}{}{}{}{after}", MARKS[0], table(), MARKS[1]);
    if std::env::var_os("CAPSIM_UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).expect("the page can be written");
        return;
    }
    assert!(
        page == made,
        "docs/theory.md is stale: CAPSIM_UPDATE_DOCS=1 cargo test --test it theory::page"
    );
}
