//! The service's rpcs, one line each.

use neipix_mesh::rpcs;
use neipix_proto::{
    assistants::v1::Explanation,
    chats::v1::{
        AskEvent, AskRequest, AskResponse, Channel, ChatCompletionEvent, CheckChannelRequest, CloseRequest,
        Conversation, CreateChannelRequest, CreateChatCompletionRequest, DeleteChannelRequest, ExplainMessageRequest,
        ExplainTurnRequest, GetChannelRequest, GetConversationRequest, GetTurnRequest, GetWidgetPageRequest,
        IngestRequest, IngestResponse, JudgeRequest, JudgeResponse, ListChannelsRequest, ListChannelsResponse,
        ListConnectionsRequest, ListConnectionsResponse, ListConversationsRequest, ListConversationsResponse,
        ListMessagesRequest, ListMessagesResponse, ListModelsRequest, ListModelsResponse, ListTurnsRequest,
        ListTurnsResponse, ListVisitorMessagesRequest, ListVisitorMessagesResponse, Message, NotifyTypingRequest,
        NotifyTypingResponse, NotifyVisitorTypingRequest, NotifyVisitorTypingResponse, ResendMessageRequest,
        ResetVisitorRequest, ResetVisitorResponse, ReturnRequest, RotateWidgetSecretRequest,
        RotateWidgetSecretResponse, SendMessageRequest, SendVisitorMessageRequest, SendVisitorMessageResponse,
        StartVisitorRequest, TakeOverRequest, Turn, UpdateChannelRequest, VisitorAnswerEvent, VisitorEvent,
        VisitorSession, WatchRequest, WatchResponse, WatchVisitorRequest, WidgetPage, ask_service_server::AskService,
        channel_service_server::ChannelService, chat_event_service_server::ChatEventService,
        conversation_service_server::ConversationService, gate_service_server::GateService,
        ingest_service_server::IngestService, widget_service_server::WidgetService,
    },
    events::v1::{AckEventsRequest, AckEventsResponse},
};

use crate::{Chats, ask, channels, completions, conversations, explain, gate, ingest, watch, widget};

rpcs! { impl ChannelService for Chats {
    create_channel: CreateChannelRequest => Channel = channels::rpc::create;
    get_channel: GetChannelRequest => Channel = channels::rpc::get;
    list_channels: ListChannelsRequest => ListChannelsResponse = channels::rpc::list;
    update_channel: UpdateChannelRequest => Channel = channels::rpc::update;
    delete_channel: DeleteChannelRequest => Channel = channels::rpc::delete;
    check_channel: CheckChannelRequest => Channel = channels::rpc::check;
    rotate_widget_secret: RotateWidgetSecretRequest => RotateWidgetSecretResponse = channels::widget::rotate;
    list_connections: ListConnectionsRequest => ListConnectionsResponse = channels::rpc::connections;
} }

rpcs! { impl ConversationService for Chats {
    list_conversations: ListConversationsRequest => ListConversationsResponse = conversations::rpc::list;
    get_conversation: GetConversationRequest => Conversation = conversations::rpc::get;
    list_messages: ListMessagesRequest => ListMessagesResponse = conversations::rpc::messages;
    list_turns: ListTurnsRequest => ListTurnsResponse = conversations::rpc::turns;
    get_turn: GetTurnRequest => Turn = conversations::rpc::turn;
    explain_turn: ExplainTurnRequest => Explanation = explain::turn;
    explain_message: ExplainMessageRequest => Explanation = explain::message;
    take_over: TakeOverRequest => Conversation = conversations::rpc::take_over;
    r#return: ReturnRequest => Conversation = conversations::rpc::give_back;
    close: CloseRequest => Conversation = conversations::rpc::close;
    send_message: SendMessageRequest => Message = conversations::rpc::send;
    resend_message: ResendMessageRequest => Message = conversations::rpc::resend;
    notify_typing: NotifyTypingRequest => NotifyTypingResponse = conversations::rpc::typing;
    stream watch(WatchStream): WatchRequest => WatchResponse = watch::watch;
} }

rpcs! { impl AskService for Chats {
    ask: AskRequest => AskResponse = ask::ask;
    stream ask_stream(AskStreamStream): AskRequest => AskEvent = ask::ask_stream;
    stream create_chat_completion(CreateChatCompletionStream): CreateChatCompletionRequest => ChatCompletionEvent
        = completions::create;
    list_models: ListModelsRequest => ListModelsResponse = completions::models;
} }

rpcs! { impl IngestService for Chats {
    ingest: IngestRequest => IngestResponse = ingest::rpc::ingest;
} }

rpcs! { impl GateService for Chats {
    judge: JudgeRequest => JudgeResponse = gate::rpc::judge;
} }

rpcs! { impl WidgetService for Chats {
    start_visitor: StartVisitorRequest => VisitorSession = widget::visit::start;
    reset_visitor: ResetVisitorRequest => ResetVisitorResponse = widget::visit::reset;
    send_visitor_message: SendVisitorMessageRequest => SendVisitorMessageResponse = widget::say::send;
    stream send_visitor_message_stream(SendVisitorMessageStreamStream): SendVisitorMessageRequest => VisitorAnswerEvent
        = widget::say::send_stream;
    list_visitor_messages: ListVisitorMessagesRequest => ListVisitorMessagesResponse = widget::read::messages;
    stream watch_visitor(WatchVisitorStream): WatchVisitorRequest => VisitorEvent = widget::watch::watch;
    notify_visitor_typing: NotifyVisitorTypingRequest => NotifyVisitorTypingResponse = widget::say::typing;
    get_widget_page: GetWidgetPageRequest => WidgetPage = widget::pages::get_page;
} }

rpcs! { impl ChatEventService for Chats {
    ack_events: AckEventsRequest => AckEventsResponse = crate::ack_events;
} }
