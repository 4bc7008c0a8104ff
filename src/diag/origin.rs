//! Where a value came from.

use std::ops::Range;

/// Which text a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A place in one of the user's texts, or nowhere for a value that capsim filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    source: SourceId,
    start: u32,
    end: u32,
}

impl Origin {
    /// The value is capsim's own default; there is nothing to point at.
    pub const BUILT_IN: Self = Self {
        source: SourceId(u32::MAX),
        start: 0,
        end: 0,
    };

    /// The bytes `span` of the text `source`.
    pub fn new(source: SourceId, span: Range<usize>) -> Self {
        let clip = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            source,
            start: clip(span.start),
            end: clip(span.end),
        }
    }

    /// True for a value that no text contains.
    pub fn is_built_in(self) -> bool {
        self.source == Self::BUILT_IN.source
    }

    /// This place, or another one for a value that no text contains.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_built_in() { other } else { self }
    }

    pub(super) fn source(self) -> SourceId {
        self.source
    }

    pub(super) fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    /// The number of its first line, where it is only a part of a file.
    pub(super) first_line: usize,
}

/// A place as people and editors count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file, or `--set`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// Every text that went into a scenario, kept to point into.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    texts: Vec<Source>,
}

impl Sources {
    /// Keeps a text under the name that messages show for it: a path, or `--set`.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.add_part(name, text, 1)
    }

    /// Keeps a part of a text, which begins with line number `first_line`.
    pub fn add_part(
        &mut self,
        name: impl Into<String>,
        text: impl Into<String>,
        first_line: usize,
    ) -> SourceId {
        self.texts.push(Source {
            name: name.into(),
            text: text.into(),
            first_line,
        });
        SourceId((self.texts.len() - 1) as u32)
    }

    /// The text itself.
    pub fn text(&self, id: SourceId) -> &str {
        &self.texts[id.0 as usize].text
    }

    /// The name a text goes by.
    pub fn name(&self, id: SourceId) -> &str {
        &self.texts[id.0 as usize].name
    }

    /// The position of a place's text in the order of adding; nothing for a built-in value.
    pub fn index(&self, origin: Origin) -> Option<usize> {
        (!origin.is_built_in()).then_some(origin.source().0 as usize)
    }

    pub(super) fn get(&self, origin: Origin) -> Option<&Source> {
        self.texts.get(origin.source().0 as usize)
    }

    /// Line and column of the start of `origin`; nothing for a built-in value.
    pub fn position(&self, origin: Origin) -> Option<Position> {
        let source = self.get(origin)?;
        let before = source.text.get(..origin.span().start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Position {
            file: source.name.clone(),
            line: before.matches('\n').count() + source.first_line,
            column: before[line_start..].chars().count() + 1,
        })
    }
}
