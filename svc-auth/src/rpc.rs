//! The service's rpcs, one line each.

use neipix_mesh::rpcs;
use neipix_proto::{
    auth::v1::{
        AccessToken, ApiKey, BatchGetUsersRequest, BatchGetUsersResponse, ConfirmEmailRequest, CreateApiKeyRequest,
        CreateApiKeyResponse, CreateSocketTicketRequest, ExchangeApiKeyRequest, GetJwksRequest, GetMeRequest,
        IssueVisitorTokenRequest, Jwks, ListApiKeysRequest, ListApiKeysResponse, LoginRequest, LogoutRequest,
        LogoutResponse, Me, ProvisionUserRequest, ProvisionUserResponse, RedeemSocketTicketRequest, RefreshRequest,
        RegisterRequest, RegisterResponse, ResendCodeRequest, ResendCodeResponse, Revocation, RevokeApiKeyRequest,
        SearchUsersRequest, SearchUsersResponse, SessionTokens, SocketTicket, SwitchWorkspaceRequest,
        WatchRevocationsRequest, auth_event_service_server::AuthEventService, auth_service_server::AuthService,
    },
    events::v1::{AckEventsRequest, AckEventsResponse},
};

use crate::{Auth, accounts, api_keys, revocations, sessions, visitors};

rpcs! { impl AuthService for Auth {
    register: RegisterRequest => RegisterResponse = accounts::rpc::register;
    resend_code: ResendCodeRequest => ResendCodeResponse = accounts::rpc::resend;
    confirm_email: ConfirmEmailRequest => SessionTokens = accounts::rpc::confirm;
    login: LoginRequest => SessionTokens = sessions::rpc::login;
    refresh: RefreshRequest => SessionTokens = sessions::rpc::refresh;
    logout: LogoutRequest => LogoutResponse = sessions::rpc::logout;
    get_me: GetMeRequest => Me = sessions::rpc::get_me;
    switch_workspace: SwitchWorkspaceRequest => AccessToken = sessions::rpc::switch;
    create_socket_ticket: CreateSocketTicketRequest => SocketTicket = sessions::rpc::create_ticket;
    create_api_key: CreateApiKeyRequest => CreateApiKeyResponse = api_keys::rpc::create;
    list_api_keys: ListApiKeysRequest => ListApiKeysResponse = api_keys::rpc::list;
    revoke_api_key: RevokeApiKeyRequest => ApiKey = api_keys::rpc::revoke;
    get_jwks: GetJwksRequest => Jwks = sessions::rpc::jwks;
    exchange_api_key: ExchangeApiKeyRequest => AccessToken = api_keys::rpc::exchange;
    redeem_socket_ticket: RedeemSocketTicketRequest => AccessToken = sessions::rpc::redeem_ticket;
    issue_visitor_token: IssueVisitorTokenRequest => AccessToken = visitors::issue;
    stream watch_revocations(WatchRevocationsStream): WatchRevocationsRequest => Revocation = revocations::watch;
    batch_get_users: BatchGetUsersRequest => BatchGetUsersResponse = accounts::rpc::batch;
    search_users: SearchUsersRequest => SearchUsersResponse = accounts::rpc::search;
    provision_user: ProvisionUserRequest => ProvisionUserResponse = accounts::rpc::provision;
} }

rpcs! { impl AuthEventService for Auth {
    ack_events: AckEventsRequest => AckEventsResponse = crate::ack_events;
} }
