//! Knowledge files: from the announced upload to passages that answers come from.

pub mod extract;
pub mod rpc;
pub mod store;
pub mod text;

use std::time::Duration;

use neipix_mesh::{HasReason, failure::FieldProblem};
use neipix_proto::{
    Reason as _, ReasonInfo,
    assistants::v1::{ErrorReason, FileFailure, FileStatus},
};

use crate::extraction::{FailureReason, FileType, Language};

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: i64 = 50 * 1024 * 1024;
/// Files of an assistant that are not deleted.
pub const FILES_MAX: i64 = 1_000;
/// An upload that is not confirmed ends after this.
pub const UPLOAD_TIME: Duration = Duration::from_secs(3_600);
/// Extraction takes at most this long.
pub const EXTRACTION_TIME: Duration = Duration::from_secs(600);
/// A child that died is started this many times in all.
pub const CRASHES_MAX: i32 = 3;

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Announced.
    Uploading,
    /// Waits for extraction.
    Queued,
    /// Is being read.
    Extracting,
    /// Answers come from it.
    Ready,
    /// See the reason.
    Failed,
    /// Gone for people; its passages stay for the record of past turns.
    Deleted,
}

impl Status {
    /// The name in rows and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Queued => "queued",
            Self::Extracting => "extracting",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// The reverse of `as_str`; the table's check allows no other name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "queued" => Self::Queued,
            "extracting" => Self::Extracting,
            "ready" => Self::Ready,
            "failed" => Self::Failed,
            "deleted" => Self::Deleted,
            _ => Self::Uploading,
        }
    }

    /// As callers see it; a deleted file is seen by nobody.
    #[must_use]
    pub fn to_wire(self) -> FileStatus {
        match self {
            Self::Uploading => FileStatus::Uploading,
            Self::Queued => FileStatus::Queued,
            Self::Extracting => FileStatus::Extracting,
            Self::Ready => FileStatus::Ready,
            Self::Failed => FileStatus::Failed,
            Self::Deleted => FileStatus::Unspecified,
        }
    }

    /// As callers name it in a filter.
    #[must_use]
    pub fn from_wire(status: FileStatus) -> Option<Self> {
        match status {
            FileStatus::Unspecified => None,
            FileStatus::Uploading => Some(Self::Uploading),
            FileStatus::Queued => Some(Self::Queued),
            FileStatus::Extracting => Some(Self::Extracting),
            FileStatus::Ready => Some(Self::Ready),
            FileStatus::Failed => Some(Self::Failed),
        }
    }
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// Larger than allowed, or than was declared.
    #[error("the file is larger than {max} bytes: split it or declare its exact size")]
    TooLarge {
        /// What is allowed.
        max: i64,
    },
    /// Not a format that is read.
    #[error("the name must end in .txt, .md, .html, .csv, .pdf, .docx or .xlsx, and the media type must fit it")]
    Type,
    /// Nothing is there.
    #[error("nothing of that size was uploaded yet: post the form first, then confirm")]
    NotUploaded,
    /// The status does not allow this.
    #[error("{0}")]
    State(&'static str),
    /// Too many.
    #[error("an assistant has at most {FILES_MAX} files: delete one first")]
    Limit,
}

impl HasReason for KnowledgeError {
    fn reason(&self) -> &'static ReasonInfo {
        match self {
            Self::TooLarge { .. } => ErrorReason::FileTooLarge.info(),
            Self::Type => ErrorReason::FileType.info(),
            Self::NotUploaded => ErrorReason::FileNotUploaded.info(),
            Self::State(_) => ErrorReason::FileState.info(),
            Self::Limit => ErrorReason::FileLimit.info(),
        }
    }

    fn fields(&self) -> Vec<FieldProblem> {
        match self {
            Self::Type => vec![FieldProblem { field: "name".to_owned(), message: self.to_string() }],
            Self::TooLarge { .. } | Self::NotUploaded | Self::State(_) | Self::Limit => vec![],
        }
    }
}

/// The format that a name and a declared media type agree on.
///
/// # Errors
/// `Type`.
pub fn file_type(name: &str, media_type: &str) -> Result<FileType, KnowledgeError> {
    let declared = FileType::from_file_name(name).ok_or(KnowledgeError::Type)?;
    let media = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = match media.as_str() {
        // Browsers send these for what they do not know.
        "" | "application/octet-stream" => true,
        "text/plain" => matches!(declared, FileType::Txt | FileType::Md | FileType::Csv),
        "text/x-markdown" => declared == FileType::Md,
        "application/csv" | "application/vnd.ms-excel" => declared == FileType::Csv,
        "application/xhtml+xml" => declared == FileType::Html,
        other => other == declared.media_type(),
    };
    if fits { Ok(declared) } else { Err(KnowledgeError::Type) }
}

/// A name as people see it: no paths, no control or direction marks; never part of a key or a header.
#[must_use]
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let visible: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        .collect();
    visible.trim().to_owned()
}

/// Why a file failed, for people.
#[must_use]
pub fn failure(reason: &str) -> FileFailure {
    let (text_ru, text_en) = match FailureReason::parse(reason) {
        Some(known) => (known.text(Language::Russian), known.text(Language::English)),
        None => other_failure(reason),
    };
    FileFailure { reason: reason.to_owned(), text_ru: text_ru.to_owned(), text_en: text_en.to_owned() }
}

/// Reasons that are not the extractor's.
fn other_failure(reason: &str) -> (&'static str, &'static str) {
    match reason {
        "changed" => (
            "Файл изменился после подтверждения загрузки. Загрузите его заново.",
            "The file was changed after its upload was confirmed. Upload it again.",
        ),
        "timeout" => (
            "Время вышло: загрузка не подтверждена за час или текст не извлечён за 10 минут. Повторите.",
            "Time ran out: the upload was not confirmed within an hour, or the text not extracted within 10 minutes. Try again.",
        ),
        _ => (
            "Файл не удалось прочитать из хранилища. Повторите позже или загрузите его заново.",
            "The file could not be read from the storage. Try again later, or upload it again.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_media_type_must_agree() {
        assert_eq!(file_type("Прайс.XLSX", "").unwrap(), FileType::Xlsx);
        assert_eq!(file_type("a.csv", "text/plain; charset=utf-8").unwrap(), FileType::Csv);
        for (name, media) in [("a.exe", ""), ("a", ""), ("a.pdf", "text/html"), ("a.docx", "application/zip")] {
            assert!(file_type(name, media).is_err(), "{name} {media}");
        }
    }

    #[test]
    fn k_7_names_are_inert() {
        assert_eq!(clean_name("../../etc/\u{202e}fdp.exe\0.pdf"), "fdp.exe.pdf");
        assert_eq!(clean_name("C:\\temp\\a.txt"), "a.txt");
        assert_eq!(clean_name("\"><img>.md"), "\"><img>.md");
    }

    #[test]
    fn every_failure_speaks_both_languages() {
        for reason in FailureReason::ALL.map(FailureReason::as_str).into_iter().chain(["changed", "timeout", "storage"])
        {
            let told = failure(reason);
            assert!(told.text_ru.chars().any(|c| ('а'..='я').contains(&c)) && told.text_en.is_ascii(), "{reason}");
        }
    }
}
