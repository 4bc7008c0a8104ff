//! The declarations: `spec!`, `choice!`, `words!`, `kinds!`, and what they share.

use serde_json::{Value as Json, json};

use super::schema::paragraph;
use super::{Node, Spec, Value};
use crate::diag::{Diagnostic, Diagnostics, nearest};

/// Declares a table: a struct whose every field is a key.
///
/// A field with `= default` may be missing, as may an `Option`, a `Vec` or a `Named`. `check(path)` names
/// a method `fn(&Self, Origin, &mut Diagnostics)` for what the types cannot say; it is given the place of
/// the table and runs on every table that was read without a problem.
///
/// A key is called as its field, unless it says otherwise: `pub max_vus as "maxVUs": u32`.
///
/// `presets(list)` lets the table name one of some [presets](crate::spec::Preset) by its key `model`, a field
/// of type `Option<At<String>>`.
#[macro_export]
macro_rules! spec {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                pub $field:ident $(as $key:literal)? : $type:ty $(= $default:expr)?
            ),* $(,)?
        }
        $(presets($presets:expr))?
        $(check($check:path))?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $type, )*
        }

        impl $name {
            /// The keys of this table.
            pub const KEYS: &'static [&'static str] = &[$($crate::spec!(@key $field $($key)?)),*];

            /// Reads the table; keys in `also` are somebody else's.
            pub fn read_beside(
                node: &$crate::spec::Node,
                also: &[&str],
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                $( let node = &*$crate::spec::lay_under(node, $presets, out)?; )?
                let known: Vec<&str> = also.iter().chain(Self::KEYS).copied().collect();
                let before = out.n_errors();
                let fields = $crate::spec::Fields::open(node, &known, out)?;
                Self::read_fields(node, &fields, before, out)
            }

            fn read_fields(
                node: &$crate::spec::Node,
                fields: &$crate::spec::Fields<'_>,
                before: usize,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                let _ = (node, fields, before); // A table may have no keys and no check.
                $( let $field: Option<$type> = fields.take(
                    $crate::spec!(@key $field $($key)?),
                    $crate::spec!(@default $type $(, $default)?),
                    out,
                ); )*
                let read = Self { $( $field: $field?, )* };
                $( if out.n_errors() == before { $check(&read, node.origin, out); } )?
                (out.n_errors() == before).then_some(read)
            }
        }

        impl $crate::spec::Own for $name {
            fn read_with(
                node: &$crate::spec::Node,
                also: &[&str],
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                Self::read_beside(node, also, out)
            }
        }

        impl $crate::spec::Shared for $name {
            fn keys() -> Vec<&'static str> {
                Self::KEYS.to_vec()
            }

            fn read_shared(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                $( let node = &*$crate::spec::lay_under(node, $presets, out)?; )?
                let before = out.n_errors();
                let fields = $crate::spec::Fields::open_shared(node, out)?;
                Self::read_fields(node, &fields, before, out)
            }
        }

        impl $crate::spec::Spec for $name {
            fn read(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                Self::read_beside(node, &[], out)
            }

            fn write(&self) -> Option<::toml::Value> {
                let values: Vec<(&str, Option<::toml::Value>)> =
                    vec![$( (
                        $crate::spec!(@key $field $($key)?),
                        $crate::spec::Spec::write(&self.$field),
                    ) ),*];
                let given = values.into_iter().filter_map(|(key, v)| Some((key.to_owned(), v?)));
                Some(::toml::Value::Table(given.collect()))
            }

            fn schema(definitions: &mut $crate::spec::Definitions) -> ::serde_json::Value {
                definitions.refer(stringify!($name), |definitions| {
                    let _ = &definitions;
                    let fields = vec![$( {
                        let default: Option<$type> = $crate::spec!(@default $type $(, $default)?);
                        let optional = default.is_some()
                            || <$type as $crate::spec::Spec>::when_absent().is_some();
                        let default = default
                            .and_then(|value| $crate::spec::Spec::write(&value))
                            .and_then(|value| ::serde_json::to_value(value).ok());
                        let schema = <$type as $crate::spec::Spec>::schema(definitions);
                        let doc: &[&str] = &[$($field_doc),*];
                        (
                            $crate::spec!(@key $field $($key)?),
                            $crate::spec::describe_field(schema, doc, default),
                            !optional,
                        )
                    } ),*];
                    #[allow(unused_mut, clippy::allow_attributes, reason = "only tables with presets")]
                    let mut schema = $crate::spec::object(&[$($doc),*], fields);
                    $( $crate::spec::describe_presets(&mut schema, $presets); )?
                    schema
                })
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => { Some::<$type>($default) };
}

/// Declares a choice between named variants: written as a table with one key, or as the bare name where
/// the variant needs nothing more. `or(path)` names a function
/// `fn(&Node, &mut Diagnostics) -> Option<Option<Self>>` that is asked first and may take a shorthand;
/// it comes with the schema of what it takes.
#[macro_export]
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident($type:ty) = $word:literal ),* $(,)?
        }
        $(or($shorthand:path, $shorthand_schema:path))?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        #[allow(
            clippy::allow_attributes,
            clippy::large_enum_variant,
            reason = "a scenario has few; only some lists are affected"
        )]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant($type), )*
        }

        impl $name {
            /// The names of the variants.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The name of this variant.
            pub fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }
        }

        impl $crate::spec::Spec for $name {
            fn read(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                $( if let Some(taken) = $shorthand(node, out) { return taken; } )?
                let (word, inner) = $crate::spec::pick(node, Self::WORDS, out)?;
                $( if word == $word {
                    return <$type as $crate::spec::Spec>::read(&inner, out).map(Self::$variant);
                } )*
                unreachable!("pick gives one of the words")
            }

            fn write(&self) -> Option<::toml::Value> {
                let inner = match self {
                    $( Self::$variant(inner) => $crate::spec::Spec::write(inner), )*
                };
                let inner = inner.unwrap_or_else(|| ::toml::Value::Table(Default::default()));
                Some(::toml::Value::Table(
                    std::iter::once((self.word().to_owned(), inner)).collect(),
                ))
            }

            fn schema(definitions: &mut $crate::spec::Definitions) -> ::serde_json::Value {
                definitions.refer(stringify!($name), |definitions| {
                    let variants = vec![$( $crate::spec::Variant {
                        name: $word,
                        doc: &[$($variant_doc),*],
                        schema: <$type as $crate::spec::Spec>::schema(definitions),
                        bare: $crate::spec::reads_empty::<$type>(),
                    } ),*];
                    let more: Vec<::serde_json::Value> = vec![$($shorthand_schema(definitions))?];
                    $crate::spec::schema_of_choice(&[$($doc),*], variants, more)
                })
            }
        }
    };
}

/// Declares a choice between bare words.
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant, )*
        }

        impl $name {
            /// The words.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// This one's word.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl $crate::spec::Spec for $name {
            fn read(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                let word = $crate::spec::pick_word(node, Self::WORDS, out)?;
                $( if word == $word { return Some(Self::$variant); } )*
                unreachable!("pick_word gives one of the words")
            }

            fn write(&self) -> Option<::toml::Value> {
                Some(::toml::Value::String(self.word().to_owned()))
            }

            fn schema(_: &mut $crate::spec::Definitions) -> ::serde_json::Value {
                $crate::spec::schema_of_words(
                    &[$($doc),*],
                    &[$( ($word, &[$($variant_doc),*]) ),*],
                )
            }
        }
    };
}

/// Declares a table whose `kind` key says which other keys it has.
#[macro_export]
macro_rules! kinds {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident($type:ty) = $word:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        #[allow(
            clippy::allow_attributes,
            clippy::large_enum_variant,
            reason = "a scenario has few; only some lists are affected"
        )]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant($type), )*
        }

        impl $name {
            /// The kinds there are.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The kind of this one.
            pub fn word(&self) -> &'static str {
                match self { $( Self::$variant(_) => $word, )* }
            }
        }

        impl $name {
            /// Reads the table; keys in `also` are somebody else's, and without a `kind` it is the
            /// `usual` one, if there is one.
            pub fn read_beside(
                node: &$crate::spec::Node,
                also: &[&str],
                usual: Option<&'static str>,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                let word = $crate::spec::pick_kind(node, Self::WORDS, usual, out)?;
                let also: Vec<&str> = also.iter().copied().chain(["kind"]).collect();
                $( if word == $word {
                    return <$type>::read_beside(node, &also, out).map(Self::$variant);
                } )*
                unreachable!("pick_kind gives one of the kinds")
            }
        }

        impl $crate::spec::Spec for $name {
            fn read(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                Self::read_beside(node, &[], None, out)
            }

            fn write(&self) -> Option<::toml::Value> {
                let inner = match self {
                    $( Self::$variant(inner) => $crate::spec::Spec::write(inner), )*
                };
                let kind = ("kind".to_owned(), ::toml::Value::String(self.word().to_owned()));
                let mut table: ::toml::Table = std::iter::once(kind).collect();
                if let Some(::toml::Value::Table(inner)) = inner {
                    table.extend(inner);
                }
                Some(::toml::Value::Table(table))
            }

            fn schema(definitions: &mut $crate::spec::Definitions) -> ::serde_json::Value {
                definitions.refer(stringify!($name), |definitions| {
                    let kinds = vec![$( {
                        let reference = <$type as $crate::spec::Spec>::schema(definitions);
                        let doc: &[&str] = &[$($variant_doc),*];
                        ($word, definitions.with_kind(&reference, $word, doc))
                    } ),*];
                    $crate::spec::schema_of_kinds(&[$($doc),*], kinds)
                })
            }
        }
    };
}

/// Declares a choice between tables that are told apart by their leading key: `{ ramp_to = 10, over =
/// "2m" }` is the one that is led by `ramp_to`. `or(path, path)` as in [`choice!`](crate::choice!).
#[macro_export]
macro_rules! leads {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident {
            $( $(#[doc = $variant_doc:literal])* $variant:ident($type:ty) = $lead:literal ),* $(,)?
        }
        $(or($shorthand:path, $shorthand_schema:path))?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        #[allow(
            clippy::allow_attributes,
            clippy::large_enum_variant,
            reason = "a scenario has few; only some lists are affected"
        )]
        pub enum $name {
            $( $(#[doc = $variant_doc])* $variant($type), )*
        }

        impl $name {
            /// The leading keys.
            pub const LEADS: &'static [&'static str] = &[$($lead),*];
        }

        impl $crate::spec::Spec for $name {
            fn read(
                node: &$crate::spec::Node,
                out: &mut $crate::diag::Diagnostics,
            ) -> Option<Self> {
                $( if let Some(taken) = $shorthand(node, out) { return taken; } )?
                let lead = $crate::spec::pick_lead(node, Self::LEADS, out)?;
                $( if lead == $lead {
                    return <$type as $crate::spec::Spec>::read(node, out).map(Self::$variant);
                } )*
                unreachable!("pick_lead gives one of the leads")
            }

            fn write(&self) -> Option<::toml::Value> {
                match self { $( Self::$variant(inner) => $crate::spec::Spec::write(inner), )* }
            }

            fn schema(definitions: &mut $crate::spec::Definitions) -> ::serde_json::Value {
                definitions.refer(stringify!($name), |definitions| {
                    let kinds = vec![$( {
                        let schema = <$type as $crate::spec::Spec>::schema(definitions);
                        ($lead, $crate::spec::describe_field(schema, &[$($variant_doc),*], None))
                    } ),*];
                    let more: Vec<(&str, ::serde_json::Value)> =
                        vec![$(("", $shorthand_schema(definitions)))?];
                    let all = kinds.into_iter().chain(more).collect();
                    $crate::spec::schema_of_kinds(&[$($doc),*], all)
                })
            }
        }
    };
}

/// Which leading key a table has.
pub fn pick_lead<'a>(node: &Node, leads: &[&'a str], out: &mut Diagnostics) -> Option<&'a str> {
    let Some(table) = node.as_table() else {
        out.push(
            Diagnostic::error(
                node.origin,
                format!("expected a table, found {}", node.describe()),
            )
            .label(format!("with one of: {}", leads.join(", "))),
        );
        return None;
    };
    let found: Vec<_> = leads
        .iter()
        .copied()
        .filter(|lead| table.get(lead).is_some())
        .collect();
    match found[..] {
        [lead] => Some(lead),
        [] => {
            let mut keys = table.entries.iter().map(|entry| entry.key.as_str());
            let similar = keys.find_map(|key| nearest(key, leads.iter().copied()));
            out.push(
                Diagnostic::error(node.origin, "this does not say what it is")
                    .label(format!("expected one of: {}", leads.join(", ")))
                    .maybe_help(similar.map(|lead| format!("did you mean `{lead}`?"))),
            );
            None
        }
        _ => {
            let problem = format!("this is several things at once: {}", found.join(", "));
            let several = Diagnostic::error(node.origin, problem);
            out.push(several.help("write one table for each"));
            None
        }
    }
}

/// Which variant a node chooses, and what stands behind its name: an empty table behind a bare name.
pub fn pick<'a>(node: &Node, words: &[&'a str], out: &mut Diagnostics) -> Option<(&'a str, Node)> {
    match &node.value {
        Value::Text(_) => {
            let word = pick_word(node, words, out)?;
            Some((word, Node::empty_table(node.origin)))
        }
        Value::Table(table) if table.entries.len() == 1 => {
            let entry = &table.entries[0];
            let key = Node {
                value: Value::Text(entry.key.clone()),
                origin: entry.key_origin,
            };
            Some((pick_word(&key, words, out)?, entry.node.clone()))
        }
        Value::Table(table) => {
            let keys: Vec<_> = table
                .entries
                .iter()
                .map(|entry| entry.key.as_str())
                .collect();
            let found = if keys.is_empty() {
                "none".to_owned()
            } else {
                keys.join(", ")
            };
            out.push(
                Diagnostic::error(
                    node.origin,
                    format!("expected exactly one choice, found {found}"),
                )
                .label(format!("one of: {}", words.join(", "))),
            );
            None
        }
        _ => {
            out.push(
                Diagnostic::error(
                    node.origin,
                    format!("expected a choice, found {}", node.describe()),
                )
                .label(format!("one of: {}", words.join(", "))),
            );
            None
        }
    }
}

/// Which of the words a node is.
pub fn pick_word<'a>(node: &Node, words: &[&'a str], out: &mut Diagnostics) -> Option<&'a str> {
    let Some(text) = node.as_text() else {
        out.push(
            Diagnostic::error(
                node.origin,
                format!("expected a word, found {}", node.describe()),
            )
            .label(format!("one of: {}", words.join(", "))),
        );
        return None;
    };
    let word = words.iter().copied().find(|word| *word == text);
    if word.is_none() {
        let similar = nearest(text, words.iter().copied());
        out.push(
            Diagnostic::error(node.origin, format!("unknown choice `{text}`"))
                .label(format!("expected one of: {}", words.join(", ")))
                .maybe_help(similar.map(|word| format!("a similar one exists: `{word}`"))),
        );
    }
    word
}

/// Which kind a table says it is.
///
/// Without a `kind` it is the `usual` one, if there is one.
pub fn pick_kind<'a>(
    node: &Node,
    words: &[&'a str],
    usual: Option<&'a str>,
    out: &mut Diagnostics,
) -> Option<&'a str> {
    let problem = match node.as_table() {
        Some(table) => match (table.get("kind"), usual) {
            (Some(entry), _) => return pick_word(&entry.node, words, out),
            (None, Some(usual)) => return Some(usual),
            (None, None) => "missing key `kind`".to_owned(),
        },
        None => format!("expected a table, found {}", node.describe()),
    };
    out.push(
        Diagnostic::error(node.origin, problem)
            .label(format!("kind is one of: {}", words.join(", "))),
    );
    None
}

/// True if an empty table is enough to read a `T`, so that its name alone will do.
pub fn reads_empty<T: Spec>() -> bool {
    let empty = Node::empty_table(crate::diag::Origin::BUILT_IN);
    T::read(&empty, &mut Diagnostics::default()).is_some()
}

/// What an empty table is read as.
///
/// # Panics
/// If a key must be given.
pub fn read_empty<T: Spec>() -> T {
    let empty = Node::empty_table(crate::diag::Origin::BUILT_IN);
    let read = T::read(&empty, &mut Diagnostics::default());
    read.expect("every key has a value where it is not given")
}

/// The schema of a choice between words.
pub fn schema_of_words(doc: &[&str], words: &[(&str, &[&str])]) -> Json {
    let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let about: Vec<_> = words
        .iter()
        .map(|(word, doc)| format!("`{word}`: {}", paragraph(doc)))
        .collect();
    json!({ "description": format!("{}\n\n{}", paragraph(doc), about.join("\n\n")), "enum": all })
}

/// The schema of a table with a `kind`.
pub fn schema_of_kinds(doc: &[&str], kinds: Vec<(&'static str, Json)>) -> Json {
    let options: Vec<_> = kinds.into_iter().map(|(_, schema)| schema).collect();
    json!({ "description": paragraph(doc), "anyOf": options })
}
