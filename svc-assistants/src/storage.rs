//! Knowledge files in the object storage. Keys are made of UUIDs only: `<workspace>/<file>`.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use neipix_mesh::{FileId, HasReason, WorkspaceId, config::S3, run::RunError};
use neipix_proto::{Reason as _, ReasonInfo, assistants::v1::ErrorReason};
use s3::{
    Bucket, Region,
    creds::Credentials,
    error::S3Error,
    post_policy::{PostPolicy, PostPolicyField, PostPolicyValue},
};

/// How long an upload form works.
pub const FORM_SECONDS: u32 = 15 * 60;
/// Longest wait for the storage.
const WAIT: Duration = Duration::from_secs(8);

/// The storage did not do it.
#[derive(Debug, thiserror::Error)]
#[error("the file storage does not answer; try again")]
pub struct StorageError(#[source] Box<S3Error>);

impl From<S3Error> for StorageError {
    fn from(error: S3Error) -> Self {
        Self(Box::new(error))
    }
}

impl HasReason for StorageError {
    fn reason(&self) -> &'static ReasonInfo {
        ErrorReason::StorageUnavailable.info()
    }
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

/// The key of a file.
#[must_use]
pub fn key(ws: WorkspaceId, file: FileId) -> String {
    format!("{ws}/{file}")
}

/// The file of a key; none where no file of ours can have it.
#[must_use]
pub fn of_key(key: &str) -> Option<(WorkspaceId, FileId)> {
    let (ws, file) = key.split_once('/')?;
    Some((ws.parse().ok()?, file.parse().ok()?))
}

/// What the storage says about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: i64,
    /// Changes with the content.
    pub tag: String,
}

/// A listed object.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// When it was written, as the storage spells it (RFC 3339).
    pub modified: String,
}

/// A form for an upload straight to the storage.
#[derive(Debug)]
pub struct Form {
    /// Where to post it.
    pub url: String,
    /// Its fields.
    pub fields: HashMap<String, String>,
}

/// The bucket. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    own: Box<Bucket>,
    public: Box<Bucket>,
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Storage({})", self.own.name)
    }
}

impl Storage {
    /// Of the settings; connects when first used.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(settings: &S3) -> Result<Self, RunError> {
        let bucket = |endpoint: &str| -> Result<Box<Bucket>, S3Error> {
            let region = Region::Custom { region: "us-east-1".to_owned(), endpoint: endpoint.to_owned() };
            let credentials = Credentials::new(
                Some(settings.access_key.expose()),
                Some(settings.secret_key.expose()),
                None,
                None,
                None,
            )?;
            Bucket::new(&settings.bucket, region, credentials)?.with_path_style().with_request_timeout(WAIT)
        };
        let make = |endpoint: &str| bucket(endpoint).map_err(|e| RunError::Failure(neipix_mesh::Failure::internal(e)));
        Ok(Self { own: make(&settings.endpoint)?, public: make(&settings.public_endpoint)? })
    }

    /// A form that takes exactly one object of exactly that size.
    ///
    /// # Errors
    /// `StorageError`.
    pub async fn form(&self, key: &str, size: i64) -> Result<Form, StorageError> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let policy = PostPolicy::new(FORM_SECONDS)
            .condition(PostPolicyField::Key, PostPolicyValue::Exact(Cow::from(key)))?
            .condition(PostPolicyField::ContentLengthRange, PostPolicyValue::Range(size, size))?;
        let post = self.public.presign_post(policy).await?;
        Ok(Form { url: post.url, fields: post.fields })
    }

    /// What is there; none where nothing is.
    ///
    /// # Errors
    /// `StorageError`.
    pub async fn head(&self, key: &str) -> Result<Option<Head>, StorageError> {
        match self.own.head_object(key).await {
            Ok((head, 200)) => {
                Ok(Some(Head { size: head.content_length.unwrap_or(0), tag: head.e_tag.unwrap_or_default() }))
            }
            Ok((_, _)) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The content; none where nothing is.
    ///
    /// # Errors
    /// `StorageError`.
    pub async fn read(&self, key: &str) -> Result<Option<bytes::Bytes>, StorageError> {
        match self.own.get_object(key).await {
            Ok(answer) => Ok(Some(answer.into_bytes())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an object; an absent one is fine.
    ///
    /// # Errors
    /// `StorageError`.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self.own.delete_object(key).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A page of all objects after a key.
    ///
    /// # Errors
    /// `StorageError`.
    pub async fn list(&self, after: Option<String>) -> Result<Vec<Listed>, StorageError> {
        let (page, _) = self.own.list_page(String::new(), None, None, after, Some(500)).await?;
        Ok(page.contents.into_iter().map(|o| Listed { key: o.key, modified: o.last_modified }).collect())
    }
}

fn is_absent(error: &S3Error) -> bool {
    matches!(error, S3Error::HttpFailWithBody(404, _))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_43_a_key_names_workspace_and_file_and_nothing_else() {
        let (ws, file) = (WorkspaceId(uuid::Uuid::from_u128(1)), FileId(uuid::Uuid::from_u128(2)));
        assert_eq!(of_key(&key(ws, file)), Some((ws, file)));
        for foreign in ["", "a/b", "../x", "backup.tar"] {
            assert_eq!(of_key(foreign), None);
        }
    }
}
