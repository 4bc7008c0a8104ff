//! What every chart must be, over all the states that findings can be in.

use super::samples::{Sample, Swept};
use super::states::{RATE, runs, sweeps};
use super::{Chart, of_run, of_sweep};
use crate::objective::Verdict;

const TITLE: &str = "100x launch";
fn all() -> Vec<(String, Chart)> {
    let mut all = Vec::new();
    let mut add = |state: &str, charts: Vec<Chart>| {
        all.extend(
            charts
                .into_iter()
                .map(|own| (format!("{state}: {}", own.name), own)),
        );
    };
    for (state, findings) in runs() {
        add(state, of_run(TITLE, &findings));
    }
    for (state, swept) in sweeps() {
        add(&format!("sweep, {state}"), of_sweep(TITLE, swept.view()));
    }
    all
}

/// The text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).expect("the first mark").1;
    rest.split_once(to).expect("the second mark").0
}

#[test]
fn titles_say_what_is_found_in_every_state() {
    let title = |(state, chart): &(String, Chart)| {
        format!(
            "{state}\n    {}",
            between(&chart.svg, "<title>", "</title>")
        )
    };
    let titles: Vec<String> = all().iter().map(title).collect();
    insta::assert_snapshot!(titles.join("\n"));
}

#[test]
fn the_same_findings_give_the_same_small_picture() {
    for ((state, first), (_, second)) in all().into_iter().zip(all()) {
        assert_eq!(first, second, "{state}");
        assert!(
            first.svg.len() < 100_000,
            "{state}: {} bytes",
            first.svg.len()
        );
        let links = first.svg.matches("http").count();
        assert_eq!(links, 1, "{state}: only the name of the language is a link");
    }
}

#[test]
fn nothing_is_drawn_of_nothing() {
    let (_, empty) = runs().pop().expect("the last one");
    assert_eq!(of_run(TITLE, &empty), Vec::new());
    let mut undecided = empty;
    undecided.verdict = Verdict::Undecided;
    let swept = Swept::product(&[], |_| Sample::HOLDS);
    assert_eq!(of_sweep(TITLE, swept.view()), Vec::new());
}

#[cfg(feature = "png")]
mod pictures {
    use resvg::usvg::roxmltree::{Document, Node};
    use resvg::usvg::{self, Group};

    use super::super::font::width;
    use super::super::png::{png, tree};
    use super::*;

    fn number(node: Node<'_, '_>, name: &str) -> f64 {
        let own = node.ancestors().find_map(|node| node.attribute(name));
        own.expect("an attribute").parse().expect("a number")
    }

    /// What a text covers, by the widths that it was placed with.
    fn extent(node: Node<'_, '_>) -> [f64; 4] {
        let text = node.text().unwrap_or("");
        let (x, y, size) = (
            number(node, "x"),
            number(node, "y"),
            number(node, "font-size"),
        );
        let wide = width(text, size);
        let anchor = node
            .ancestors()
            .find_map(|node| node.attribute("text-anchor"));
        let left = match anchor {
            Some("middle") => x - wide / 2.0,
            Some("end") => x - wide,
            _ => x,
        };
        [left, y - size * 0.72, left + wide, y + size * 0.2]
    }

    #[test]
    fn text_stays_on_the_sheet_and_off_other_text() {
        let mut wrong = Vec::new();
        for (state, chart) in all() {
            let document = Document::parse(&chart.svg).expect("well-formed");
            let root = document.root_element();
            let size: Vec<f64> = root
                .attribute("viewBox")
                .expect("a size")
                .split(' ')
                .map(|part| part.parse().expect("a number"))
                .collect();
            assert!(
                root.descendants()
                    .any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "desc")))
            );
            let texts = root
                .descendants()
                .filter(|node| node.tag_name().name() == "text");
            let texts: Vec<_> = texts
                .map(|node| (node.text().unwrap_or("").to_owned(), extent(node)))
                .collect();
            assert!(texts.len() > 3, "{state}");
            for (at, (text, own)) in texts.iter().enumerate() {
                if own[0] < 0.0 || own[1] < 0.0 || own[2] > size[2] || own[3] > size[3] {
                    wrong.push(format!("{state}: {text:?} leaves the sheet"));
                }
                for (other, its) in &texts[..at] {
                    let apart = own[2] <= its[0]
                        || its[2] <= own[0]
                        || own[3] <= its[1]
                        || its[3] <= own[1];
                    if !apart {
                        wrong.push(format!("{state}: {text:?} is over {other:?}"));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Collects what the renderer makes of the texts: the text and how wide it is.
    fn measure(group: &Group, found: &mut Vec<(String, f64, f64)>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => measure(group, found),
                usvg::Node::Text(text) => {
                    let chunk = &text.chunks()[0];
                    let size = f64::from(chunk.spans()[0].font_size().get());
                    let wide = f64::from(text.bounding_box().width());
                    found.push((chunk.text().to_owned(), size, wide));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn widths_are_those_of_the_embedded_font() {
        let mut checked = 0;
        for (state, chart) in all().into_iter().take(12) {
            let tree = tree(&chart.svg).expect(&state);
            let mut found = Vec::new();
            measure(tree.root(), &mut found);
            for (text, size, wide) in found {
                let expected = width(&text, size);
                assert!(
                    (wide - expected).abs() < 2.0 + expected * 0.01,
                    "{text:?}: {wide} for {expected}"
                );
                checked += 1;
            }
        }
        assert!(checked > 100, "{checked} texts were measured");
    }

    #[test]
    fn a_picture_is_the_same_twice_and_shows_something() {
        let charts = of_run(TITLE, &Sample::FAILS.findings());
        let first = png(&charts[0].svg).expect("a picture");
        assert_eq!(first, png(&charts[0].svg).expect("a picture"));
        let picture = resvg::tiny_skia::Pixmap::decode_png(&first).expect("PNG");
        assert_eq!(picture.width(), 1920);
        let paper = picture.pixel(0, 0);
        let n_drawn = picture
            .pixels()
            .iter()
            .filter(|pixel| Some(**pixel) != paper)
            .count();
        assert!(n_drawn > 20_000, "{n_drawn} pixels are not paper");
        assert!(png("no picture").is_err());
    }

    /// Text of the scenario stays text, whatever it is.
    #[test]
    fn text_of_the_scenario_stays_text() {
        let title = "</title><script>alert(1)</script> & \"quotes\" \u{1} 日本 ".repeat(9);
        let hostile = Swept::product(&[(RATE, &[1, 9]), ("components.<b>.count", &[1, 2])], |v| {
            Sample {
                cost: v[1] as f64,
                ..Sample::HOLDS
            }
        });
        let mut charts = of_run(&title, &Sample::FAILS.findings());
        charts.extend(of_sweep(&title, hostile.view()));
        for chart in charts {
            let document = Document::parse(&chart.svg).expect(chart.name);
            assert!(
                document
                    .descendants()
                    .all(|node| !matches!(node.tag_name().name(), "script" | "b"))
            );
        }
    }
}
