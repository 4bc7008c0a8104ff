//! Diagnostics as text: for people with the line underlined, for programs as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Label, Severity, Sources};

/// Snippets are laid out for a page of this width.
const WIDTH: usize = 100;

impl Diagnostics {
    /// Every problem, in the order of the text, each with its line underlined; ends with a newline.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.term_width(WIDTH);
        let mut out = String::new();
        for diagnostic in self.sorted() {
            out.push_str(&renderer.render(&[group(diagnostic, sources)]));
            out.push_str("\n\n");
        }
        out
    }

    /// Every problem as a JSON array, in the order of the text.
    pub fn to_json(&self, sources: &Sources) -> Value {
        self.sorted()
            .into_iter()
            .map(|d| to_json(d, sources))
            .collect()
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*diagnostic.message));
    let mut shown = Vec::new();
    let labels = std::iter::once(&diagnostic.primary).chain(&diagnostic.related);
    for label in labels.clone() {
        // One snippet per text; the first label of each text brings the others with it.
        let Some(source) = sources.get(label.origin) else {
            continue;
        };
        if shown.contains(&label.origin.source()) {
            continue;
        }
        shown.push(label.origin.source());
        let here = labels
            .clone()
            .filter(|l| l.origin.source() == label.origin.source());
        let snippet = here.fold(
            Snippet::source(&*source.text)
                .path(&*source.name)
                .line_start(source.first_line),
            |s, l| {
                s.annotation(annotation(
                    l,
                    std::ptr::eq(l, &raw const diagnostic.primary),
                ))
            },
        );
        group = group.element(snippet);
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(&**help)),
        None => group,
    }
}

fn annotation(label: &Label, primary: bool) -> annotate_snippets::Annotation<'_> {
    let kind = if primary {
        AnnotationKind::Primary
    } else {
        AnnotationKind::Context
    };
    let annotation = kind.span(label.origin.span());
    if label.text.is_empty() {
        annotation
    } else {
        annotation.label(&*label.text)
    }
}

fn to_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let place = |label: &Label| {
        let position = sources.position(label.origin);
        json!({
            "file": position.as_ref().map(|p| &p.file),
            "line": position.as_ref().map(|p| p.line),
            "column": position.as_ref().map(|p| p.column),
            "text": label.text,
        })
    };
    json!({
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": diagnostic.message,
        "at": place(&diagnostic.primary),
        "related": diagnostic.related.iter().map(place).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
}
