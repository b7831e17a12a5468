//! The service's rpcs, one line each.

use neipix_mesh::rpcs;
use neipix_proto::{
    assistants::v1::{
        AnswerPlan, Assistant, AssistantVersion, ConfirmFileRequest, CreateAssistantRequest, CreateFileRequest,
        CreateFileResponse, CreateProviderRequest, DeleteAssistantRequest, DeleteFileRequest, DeleteFileResponse,
        DeleteProviderRequest, DeleteProviderResponse, ExplainSimulatedTurnRequest, Explanation, GetAnswerPlanRequest,
        GetAssistantRequest, GetFileRequest, GetFileTextRequest, GetFileTextResponse, GetSourcesRequest,
        GetSourcesResponse, GetVersionRequest, KnowledgeFile, ListAssistantsRequest, ListAssistantsResponse,
        ListFilesRequest, ListFilesResponse, ListProvidersRequest, ListProvidersResponse, ListSimulatedTurnsRequest,
        ListSimulatedTurnsResponse, ListVersionsRequest, ListVersionsResponse, PauseAssistantRequest, Provider,
        PublishAssistantRequest, ReplyEvent, ReplyRequest, ResetSimulationRequest, ResetSimulationResponse,
        ResumeAssistantRequest, RetrieveRequest, RetrieveResponse, RetryFileRequest, SearchPassagesRequest,
        SearchPassagesResponse, SimulateEvent, SimulateRequest, TestProviderRequest, TestProviderResponse,
        UpdateAssistantRequest, UpdateFileRequest, UpdateProviderRequest,
        assistant_event_service_server::AssistantEventService, assistant_service_server::AssistantService,
        knowledge_service_server::KnowledgeService, provider_service_server::ProviderService,
        simulation_service_server::SimulationService, source_service_server::SourceService,
    },
    events::v1::{AckEventsRequest, AckEventsResponse},
};

use crate::{Assistants, answers, assistants, knowledge, plan, providers, search, simulation, sources};

rpcs! { impl AssistantService for Assistants {
    create_assistant: CreateAssistantRequest => Assistant = assistants::rpc::create;
    get_assistant: GetAssistantRequest => Assistant = assistants::rpc::get;
    list_assistants: ListAssistantsRequest => ListAssistantsResponse = assistants::rpc::list;
    update_assistant: UpdateAssistantRequest => Assistant = assistants::rpc::update;
    delete_assistant: DeleteAssistantRequest => Assistant = assistants::rpc::archive;
    publish_assistant: PublishAssistantRequest => Assistant = assistants::rpc::publish;
    pause_assistant: PauseAssistantRequest => Assistant = assistants::rpc::pause;
    resume_assistant: ResumeAssistantRequest => Assistant = assistants::rpc::resume;
    list_versions: ListVersionsRequest => ListVersionsResponse = assistants::versions::list;
    get_version: GetVersionRequest => AssistantVersion = assistants::versions::get;
    get_answer_plan: GetAnswerPlanRequest => AnswerPlan = plan::get;
    retrieve: RetrieveRequest => RetrieveResponse = search::rpc::retrieve;
    stream reply(ReplyStream): ReplyRequest => ReplyEvent = answers::rpc::reply;
} }

rpcs! { impl KnowledgeService for Assistants {
    create_file: CreateFileRequest => CreateFileResponse = knowledge::rpc::create;
    confirm_file: ConfirmFileRequest => KnowledgeFile = knowledge::rpc::confirm;
    retry_file: RetryFileRequest => KnowledgeFile = knowledge::rpc::retry;
    get_file: GetFileRequest => KnowledgeFile = knowledge::rpc::get;
    list_files: ListFilesRequest => ListFilesResponse = knowledge::rpc::list;
    update_file: UpdateFileRequest => KnowledgeFile = knowledge::rpc::update;
    delete_file: DeleteFileRequest => DeleteFileResponse = knowledge::rpc::delete;
    get_file_text: GetFileTextRequest => GetFileTextResponse = knowledge::text::get;
    search_passages: SearchPassagesRequest => SearchPassagesResponse = search::rpc::search;
} }

rpcs! { impl ProviderService for Assistants {
    create_provider: CreateProviderRequest => Provider = providers::rpc::create;
    list_providers: ListProvidersRequest => ListProvidersResponse = providers::rpc::list;
    update_provider: UpdateProviderRequest => Provider = providers::rpc::update;
    delete_provider: DeleteProviderRequest => DeleteProviderResponse = providers::rpc::delete;
    test_provider: TestProviderRequest => TestProviderResponse = providers::trial::test;
} }

rpcs! { impl SimulationService for Assistants {
    stream simulate(SimulateStream): SimulateRequest => SimulateEvent = simulation::rpc::simulate;
    list_simulated_turns: ListSimulatedTurnsRequest => ListSimulatedTurnsResponse = simulation::rpc::list;
    explain_simulated_turn: ExplainSimulatedTurnRequest => Explanation = simulation::rpc::explain;
    reset_simulation: ResetSimulationRequest => ResetSimulationResponse = simulation::rpc::reset;
} }

rpcs! { impl SourceService for Assistants {
    get_sources: GetSourcesRequest => GetSourcesResponse = sources::get;
} }

rpcs! { impl AssistantEventService for Assistants {
    ack_events: AckEventsRequest => AckEventsResponse = crate::ack_events;
} }
