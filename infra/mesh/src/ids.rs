//! Typed ids: a wrong id does not compile.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
};
use serde::{Deserialize, Serialize};
use uuid::{ContextV7, Timestamp, Uuid};

/// A UUIDv7 of this instant; ids made later in the same process sort later, but nothing may rely on it as an order.
#[must_use]
pub fn uuid_v7(now: DateTime<Utc>) -> Uuid {
    static CONTEXT: std::sync::Mutex<Option<ContextV7>> = std::sync::Mutex::new(None);
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let mut guard = CONTEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let context = guard.get_or_insert_with(ContextV7::new);
    Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
}

/// The text is not a UUID.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct IdError(#[from] uuid::Error);

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, AsExpression, FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::Uuid)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id (UUIDv7) of this instant.
            #[must_use]
            pub fn new(now: DateTime<Utc>) -> Self {
                Self(uuid_v7(now))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Ok(Self(Uuid::parse_str(text)?))
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl ToSql<diesel::sql_types::Uuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <Uuid as ToSql<diesel::sql_types::Uuid, Pg>>::to_sql(&self.0, out)
            }
        }
        impl FromSql<diesel::sql_types::Uuid, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <Uuid as FromSql<diesel::sql_types::Uuid, Pg>>::from_sql(value).map(Self)
            }
        }
    )+};
}

ids! {
    /// A customer company.
    WorkspaceId,
    /// A person with an account.
    UserId,
    /// A log-in.
    SessionId,
    /// An API key.
    KeyId,
    /// An assistant.
    AssistantId,
    /// A dialogue.
    ConversationId,
    /// A message.
    MessageId,
    /// A turn.
    TurnId,
    /// A channel.
    ChannelId,
    /// An end customer.
    ContactId,
    /// A file of a knowledge base.
    FileId,
    /// A piece of a file's text.
    PassageId,
    /// A provider.
    ProviderId,
    /// A try at a provider.
    AttemptId,
    /// A movement of money.
    TransferId,
    /// A price of a model.
    PriceId,
    /// An event.
    EventId,
    /// A webhook.
    HookId,
    /// A part of a message on its way to the customer.
    DeliveryId,
    /// A registration that waits for its code.
    RegistrationId,
    /// An audit record.
    AuditRecordId,
}

impl WorkspaceId {
    /// The context of platform work: the nil UUID.
    pub const PLATFORM: Self = Self(Uuid::nil());
}
