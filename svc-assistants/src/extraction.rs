//! Text out of knowledge files.
//!
//! Files come from strangers, so nothing here parses one in the service's own process: [`Extractor`]
//! runs the same binary again as a child with limits, the child answers with framed pages, and whatever
//! happens to the child (a crash, a bomb, a loop) is an [`ExtractionFailure`] with a reason for the person.
//!
//! `child` is what runs behind the fence, `runner` is the fence, `frame` is what passes between them.
//! All other modules are parsers of one format each and are only called inside the child.

pub mod child;
mod csv;
mod encoding;
mod frame;
mod html;
mod office;
mod pdf;
mod rows;
mod runner;
mod sandbox;
mod sniff;
mod tidy;
mod xml_guard;
mod zip_guard;

pub use runner::{Extractor, ExtractorConfig};

/// The program that children run, where it is not the running one.
static PROGRAM: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();

/// Names the program that children run, for processes whose own `main` does not offer them (test harnesses). The first
/// one stands.
pub fn set_program(program: std::path::PathBuf) {
    let _ = PROGRAM.set(program);
}

/// Largest file that is accepted, in bytes (50 MiB).
pub const FILE_BYTES_MAX: u64 = 50 * 1024 * 1024;
/// Most text that one file may give, in UTF-8 bytes (20 MB).
pub const TEXT_BYTES_MAX: usize = 20_000_000;
/// Most pages that one file may give.
pub const PAGES_MAX: usize = 5_000;

/// What the person says the file is; the content must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// Plain text in any of the usual encodings.
    Txt,
    /// Markdown.
    Md,
    /// An HTML page.
    Html,
    /// Comma, semicolon or tab separated values.
    Csv,
    /// PDF with a text layer.
    Pdf,
    /// Word, Office Open XML.
    Docx,
    /// Excel, Office Open XML.
    Xlsx,
}

impl FileType {
    /// Every type, in the order in which a person reads them.
    pub const ALL: [Self; 7] = [Self::Txt, Self::Md, Self::Html, Self::Csv, Self::Pdf, Self::Docx, Self::Xlsx];

    /// The name in rows, arguments and file extensions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Md => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The type that a file name's extension declares, in any case; `None` when it is not one of ours.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_lowercase().as_str() {
            "htm" => Some(Self::Html),
            "markdown" => Some(Self::Md),
            "text" => Some(Self::Txt),
            other => Self::parse(other),
        }
    }

    /// The media type under which such a file is stored and served.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Txt => "text/plain",
            Self::Md => "text/markdown",
            Self::Html => "text/html",
            Self::Csv => "text/csv",
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// One page of text: a PDF page, a sheet of a workbook; other formats have the single page 1.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// From 1, as a person counts.
    pub number: u32,
    /// NFC, `\n` line ends, no control characters; headings begin with `#` marks.
    pub text: String,
}

/// The text of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extracted {
    /// In reading order; pages without text are left out, so numbers may jump. Never empty.
    pub pages: Vec<Page>,
    /// What was left out or guessed, in English, for the log and the support desk.
    pub warnings: Vec<String>,
}

/// Why a file gave no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The content is of another format than the name says, or of two formats at once.
    TypeMismatch,
    /// Too large once unpacked, too many pages, or too much memory or time.
    LimitExceeded,
    /// The file is damaged, or its parser died of it.
    ExtractionCrashed,
    /// Nothing to read: an empty file or a scan without a text layer.
    Empty,
    /// Protected by a password.
    Encrypted,
    /// A format that is not read here.
    Unsupported,
    /// Text in an encoding that could not be told.
    Encoding,
}

/// A language in which the product speaks to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Русский.
    Russian,
    /// English.
    English,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::TypeMismatch,
        Self::LimitExceeded,
        Self::ExtractionCrashed,
        Self::Empty,
        Self::Encrypted,
        Self::Unsupported,
        Self::Encoding,
    ];

    /// The name in rows and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TypeMismatch => "type_mismatch",
            Self::LimitExceeded => "limit_exceeded",
            Self::ExtractionCrashed => "extraction_crashed",
            Self::Empty => "empty",
            Self::Encrypted => "encrypted",
            Self::Unsupported => "unsupported",
            Self::Encoding => "encoding",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether another try may end otherwise: only a child that died can have died of something else.
    pub fn may_pass_on_retry(self) -> bool {
        matches!(self, Self::ExtractionCrashed)
    }

    /// What the person reads: what is wrong and how to mend it.
    pub fn text(self, language: Language) -> &'static str {
        match language {
            Language::Russian => self.russian(),
            Language::English => self.english(),
        }
    }

    fn russian(self) -> &'static str {
        match self {
            Self::TypeMismatch => {
                "Содержимое файла не соответствует его расширению. Сохраните документ в нужном формате и загрузите снова."
            }
            Self::LimitExceeded => {
                "Файл слишком велик в развёрнутом виде: до 20 МБ текста, 5000 страниц и 60 секунд разбора. Разделите его на части."
            }
            Self::ExtractionCrashed => {
                "Файл повреждён, и прочитать его не удалось. Откройте его в своей программе, сохраните заново и загрузите снова."
            }
            Self::Empty => {
                "В файле нет текста: он пуст или это скан без распознанного текста. Распознайте скан (OCR) и загрузите снова."
            }
            Self::Encrypted => "Файл защищён паролем. Снимите защиту и загрузите снова.",
            Self::Unsupported => "Такой формат не читается. Подойдут TXT, MD, HTML, CSV, PDF, DOCX и XLSX.",
            Self::Encoding => "Не удалось определить кодировку текста. Сохраните файл в UTF-8 и загрузите снова.",
        }
    }

    fn english(self) -> &'static str {
        match self {
            Self::TypeMismatch => {
                "The content of the file does not match its extension. Save the document in the right format and upload it again."
            }
            Self::LimitExceeded => {
                "The file is too large once unpacked: up to 20 MB of text, 5,000 pages and 60 seconds of reading. Split it into parts."
            }
            Self::ExtractionCrashed => {
                "The file is damaged and could not be read. Open it in its own program, save it anew and upload it again."
            }
            Self::Empty => {
                "There is no text in the file: it is empty or a scan without recognised text. Run OCR on the scan and upload it again."
            }
            Self::Encrypted => "The file is protected by a password. Remove the protection and upload it again.",
            Self::Unsupported => "This format cannot be read. TXT, MD, HTML, CSV, PDF, DOCX and XLSX can.",
            Self::Encoding => "The encoding of the text could not be told. Save the file as UTF-8 and upload it again.",
        }
    }
}

/// A file that gave no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{}: {detail}", reason.as_str())]
pub struct ExtractionFailure {
    /// For the person and for the row.
    pub reason: FailureReason,
    /// What was found, in English; may quote the file, so it is for our eyes only.
    pub detail: String,
}

impl ExtractionFailure {
    /// A failure with its detail.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Parses `bytes` as `declared`. Runs in the child only: it may panic, loop or eat memory.
fn extract(declared: FileType, bytes: &[u8]) -> Result<Extracted, ExtractionFailure> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ExtractionFailure::new(FailureReason::Empty, "the file has no content"));
    }
    sniff::check(declared, bytes)?;
    let raw = match declared {
        FileType::Txt | FileType::Md => encoding::decode(bytes, None)?.into_single_page(),
        FileType::Csv => csv::extract(bytes)?,
        FileType::Html => html::extract(bytes)?,
        FileType::Pdf => pdf::extract(bytes)?,
        FileType::Docx => office::extract_docx(bytes)?,
        FileType::Xlsx => office::extract_xlsx(bytes)?,
    };
    tidy::finish(raw)
}
