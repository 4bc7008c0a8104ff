//! Charts as PNG pictures, with the embedded font: the same bytes on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::font;

/// A chart could not be made into a picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The text is no SVG.
    #[error("not an SVG picture: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The picture could not be encoded.
    #[error("cannot encode the picture: {0}")]
    Encode(String),
}

/// The picture of a chart, at two pixels for every one that it is shown at.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let tree = tree(svg)?;
    let size = tree.size();
    let (wide, high) = (size.width() * 2.0, size.height() * 2.0);
    let too_large = || PngError::Encode("it has no size".to_owned());
    let mut picture = Pixmap::new(wide as u32, high as u32).ok_or_else(too_large)?;
    resvg::render(
        &tree,
        Transform::from_scale(2.0, 2.0),
        &mut picture.as_mut(),
    );
    picture
        .encode_png()
        .map_err(|error| PngError::Encode(error.to_string()))
}

/// The picture as a tree, text laid out in the embedded font.
pub(super) fn tree(svg: &str) -> Result<Tree, resvg::usvg::Error> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(font::FILE.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options {
        fontdb: Arc::new(fonts),
        font_family: "DejaVu Sans".to_owned(),
        ..Options::default()
    };
    Tree::from_str(svg, &options)
}
