//! A built folder in memory, and the answer to a request for one of its files.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// Most bytes of one file.
const FILE_MOST: u64 = 16 << 20;
/// Most files of a folder.
const FILES_MOST: usize = 5_000;
/// Most bytes of a folder.
const FOLDER_MOST: u64 = 128 << 20;
/// Files below it have the hash of their content in their names.
const HASHED: &str = "assets/";

/// What was built for one host.
#[derive(Debug)]
pub struct Folder(HashMap<String, File>);

/// A file as it is answered.
#[derive(Debug)]
pub struct File {
    plain: Variant,
    brotli: Option<Variant>,
    kind: HeaderValue,
    cache: HeaderValue,
}

#[derive(Debug)]
struct Variant {
    bytes: Bytes,
    tag: HeaderValue,
}

/// The built files cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{path} {why}")]
pub struct LoadError {
    path: String,
    why: String,
    #[source]
    source: Option<io::Error>,
}

impl LoadError {
    fn of(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.display().to_string(), why: why.into(), source: None }
    }

    pub(super) fn missing(path: &Path) -> Self {
        Self::of(path, "is no folder; build the web apps by `make web`, or leave the setting out")
    }

    pub(super) fn policy(text: &str) -> Self {
        Self { path: text.to_owned(), why: "cannot stand in a header".to_owned(), source: None }
    }
}

impl Folder {
    /// Reads a folder; none where there is none. Hidden files, source maps and whatever a link leads to are left out.
    ///
    /// # Errors
    /// What cannot be read; more files or bytes than an app has.
    pub fn load(root: &Path) -> Result<Option<Self>, LoadError> {
        if !fs::symlink_metadata(root).is_ok_and(|found| found.is_dir()) {
            return Ok(None);
        }
        let mut files = HashMap::new();
        let mut found = walk(root)?;
        found.sort();
        let mut total = 0;
        for path in found.iter().filter(|path| !has_ending(path, "br")) {
            let plain = read(path, &mut total)?;
            let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
                return Err(LoadError::of(path, "has a name that is no UTF-8"));
            };
            let packed = beside(path);
            let brotli = if found.binary_search(&packed).is_ok() && is_of(&packed, path) {
                Some(read(&packed, &mut total)?)
            } else {
                None
            };
            files.insert(name.to_owned(), File::new(name, plain, brotli));
        }
        Ok(Some(Self(files)))
    }

    /// The file of a name such as `assets/index-3f2a.js`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&File> {
        self.0.get(name)
    }
}

/// `app.js.br` of `app.js`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".br");
    name.into()
}

/// Whether a packed file was made of the file as it is: a rebuild that did not pack leaves the packed one of before.
fn is_of(packed: &Path, path: &Path) -> bool {
    let time = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    let fresh = matches!((time(packed), time(path)), (Ok(packed), Ok(plain)) if packed >= plain);
    if !fresh {
        tracing::warn!(path = %packed.display(), "a packed web file is older than its source and is not served");
    }
    fresh
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found == ending)
}

fn walk(root: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let error = |path: &Path, source: io::Error| LoadError {
        path: path.display().to_string(),
        why: "cannot be read".to_owned(),
        source: Some(source),
    };
    let (mut folders, mut files) = (vec![root.to_owned()], vec![]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| error(&folder, e))? {
            let entry = entry.map_err(|e| error(&folder, e))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(|e| error(&entry.path(), e))?);
            if entry.file_name().to_string_lossy().starts_with('.') || has_ending(&path, "map") {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                tracing::warn!(path = %path.display(), "a link among the web files is not followed");
            }
            if files.len() > FILES_MOST || folders.len() > FILES_MOST {
                return Err(LoadError::of(root, format!("holds more than {FILES_MOST} files: it is no built app")));
            }
        }
    }
    Ok(files)
}

fn read(path: &Path, total: &mut u64) -> Result<Vec<u8>, LoadError> {
    let cannot =
        |source| LoadError { path: path.display().to_string(), why: "cannot be read".to_owned(), source: Some(source) };
    let length = fs::symlink_metadata(path).map_err(cannot)?.len();
    *total += length;
    if length > FILE_MOST || *total > FOLDER_MOST {
        let why = format!("files have at most {} MiB, together {}", FILE_MOST >> 20, FOLDER_MOST >> 20);
        return Err(LoadError::of(path, why));
    }
    fs::read(path).map_err(cannot)
}

impl File {
    fn new(name: &str, plain: Vec<u8>, brotli: Option<Vec<u8>>) -> Self {
        let digest = hex::encode(&Sha256::digest(&plain)[..12]);
        let variant = |bytes: Vec<u8>, mark: &str| {
            let tag = HeaderValue::from_str(&format!("\"{digest}{mark}\""));
            Variant { bytes: bytes.into(), tag: tag.unwrap_or(HeaderValue::from_static("\"\"")) }
        };
        let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        Self {
            plain: variant(plain, ""),
            brotli: brotli.map(|bytes| variant(bytes, "-br")),
            kind: HeaderValue::from_static(kind_of(name)),
            cache: HeaderValue::from_static(cache),
        }
    }

    /// The content, where it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.plain.bytes).ok()
    }

    /// The answer to GET and HEAD: packed where the browser takes that, 304 where it has the file.
    #[must_use]
    pub fn answer(&self, method: &Method, asked: &HeaderMap) -> Response {
        let packed = self.brotli.as_ref().filter(|_| takes_brotli(asked));
        let Variant { bytes, tag } = packed.unwrap_or(&self.plain);
        let kept = [
            (header::ETAG, tag.clone()),
            (header::CACHE_CONTROL, self.cache.clone()),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if has(asked, tag) {
            return (StatusCode::NOT_MODIFIED, kept).into_response();
        }
        let body = if *method == Method::HEAD { Body::empty() } else { Body::from(bytes.clone()) };
        let mut response = (StatusCode::OK, kept, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.kind.clone());
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        if packed.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
        response
    }
}

/// Items of a list that may stand in several headers.
fn items(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    items(headers, header::ACCEPT_ENCODING).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("br"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        named && weight.is_none_or(|q| q.trim().parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

/// Whether the browser names this very version. Weak marks count: proxies that pack put them there.
fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    items(headers, header::IF_NONE_MATCH)
        .any(|item| item == "*" || item.strip_prefix("W/").unwrap_or(item).as_bytes() == tag.as_bytes())
}

/// The media type by a name's ending. Nothing is guessed: browsers do not sniff (`nosniff`).
fn kind_of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("gif") => "image/gif",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("wasm") => "application/wasm",
        Some("mp3") => "audio/mpeg",
        Some("ogg") => "audio/ogg",
        Some("wav") => "audio/wav",
        Some("mp4") => "video/mp4",
        Some("webm") => "video/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
