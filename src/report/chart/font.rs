//! How wide text is in the embedded font, so that text can be placed without drawing it first.

/// The family to ask for: the embedded one, one of about its widths, whatever there is.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// The font as a file: a subset of `DejaVu Sans`, see `assets/fonts`.
#[cfg(feature = "png")]
pub(super) const FILE: &[u8] = include_bytes!("../../../assets/fonts/DejaVuSans-subset.ttf");

/// Widths of the characters from the space to `~`, in thousandths of the size.
const ASCII: [u16; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];

/// Widths of the upper half of Latin-1.
const LATIN: [u16; 96] = [
    318, 401, 636, 636, 636, 636, 337, 500, 500, 1000, 471, 612, 838, 361, 1000, 500, 500, 838,
    401, 401, 500, 636, 636, 318, 500, 401, 471, 612, 969, 969, 969, 531, 684, 684, 684, 684, 684,
    684, 974, 698, 632, 632, 632, 632, 295, 295, 295, 295, 775, 748, 787, 787, 787, 787, 787, 838,
    787, 732, 732, 732, 732, 611, 605, 630, 613, 613, 613, 613, 613, 613, 982, 550, 615, 615, 615,
    615, 278, 278, 278, 278, 612, 634, 612, 612, 612, 612, 612, 838, 612, 634, 634, 634, 634, 592,
    635, 592,
];

/// What a character that the font does not have takes at the most.
const UNKNOWN: u16 = 1025;

fn of_char(c: char) -> u16 {
    match c as u32 {
        code @ 0x20..=0x7e => ASCII[code as usize - 0x20],
        code @ 0xa0..=0xff => LATIN[code as usize - 0xa0],
        0x2013 => 500,
        0x2018 | 0x2019 => 318,
        0x201c | 0x201d => 518,
        0x2022 => 590,
        0x3bc => 636,
        0x2190..=0x2193 | 0x2212 | 0x2248 | 0x2260 | 0x2264 | 0x2265 | 0x2713 | 0x2717 => 838,
        0x2026 | 0x2014 => 1000,
        _ => UNKNOWN,
    }
}

/// How wide `text` is at `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let thousandths: u32 = text.chars().map(|c| u32::from(of_char(c))).sum();
    f64::from(thousandths) / 1000.0 * size
}

/// The widest of some texts.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    texts
        .into_iter()
        .map(|text| width(text, size))
        .fold(0.0, f64::max)
}

/// `text`, cut at its end so that it fits into `room`.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut cut: Vec<char> = text.chars().collect();
    while let Some(_last) = cut.pop() {
        let shown = format!("{}…", cut.iter().collect::<String>().trim_end());
        if width(&shown, size) <= room {
            return shown;
        }
    }
    String::new()
}

/// `text` in at most `most` lines that fit into `room`; the last one is cut if it has to be. A number stays
/// with its unit, a name with its value.
pub(super) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in unbroken(text) {
        let is_full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if is_full || width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines.iter().map(|line| fit(line, size, room)).collect()
}

/// Words, those that belong together as one.
fn unbroken(text: &str) -> Vec<String> {
    const JOINTS: [&str; 2] = ["=", "±"];
    const UNITS: [&str; 10] = [
        "%",
        "s",
        "ms",
        "µs",
        "min",
        "h",
        "k/s",
        "M/s",
        "<",
        "replications",
    ];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', ';', ':', '.', ')']);
        let joins = JOINTS.contains(&bare) || UNITS.contains(&bare);
        match words.last_mut() {
            Some(last) if joins || JOINTS.iter().any(|joint| last.ends_with(joint)) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}
