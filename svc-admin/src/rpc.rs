//! The service's rpcs, one line each.

use neipix_mesh::rpcs;
use neipix_proto::{
    admin::v1::{
        ListAuditRecordsRequest, ListAuditRecordsResponse, ListUsersRequest, ListUsersResponse,
        ListWorkspaceAuditRequest, admin_event_service_server::AdminEventService, admin_service_server::AdminService,
    },
    events::v1::{AckEventsRequest, AckEventsResponse},
};

use crate::{Admin, audit, directory};

rpcs! { impl AdminService for Admin {
    list_users: ListUsersRequest => ListUsersResponse = directory::rpc::list;
    list_audit_records: ListAuditRecordsRequest => ListAuditRecordsResponse = audit::rpc::list;
    list_workspace_audit: ListWorkspaceAuditRequest => ListAuditRecordsResponse = audit::rpc::list_own;
} }

rpcs! { impl AdminEventService for Admin {
    ack_events: AckEventsRequest => AckEventsResponse = crate::ack_events;
} }
