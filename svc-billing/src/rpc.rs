//! The service's rpcs, one line each.

use neipix_mesh::rpcs;
use neipix_proto::{
    billing::v1::{
        BatchGetBalancesRequest, BatchGetBalancesResponse, CloseResponse, CreatePriceRequest, EndPriceRequest,
        GetTransferRequest, GetWalletRequest, HoldRequest, HoldResponse, ListPricesRequest, ListPricesResponse,
        ListStatementRequest, ListStatementResponse, Price, QuoteRequest, QuoteResponse, ReleaseRequest, SettleRequest,
        Transfer, Wallet, billing_event_service_server::BillingEventService, billing_service_server::BillingService,
        price_service_server::PriceService,
    },
    events::v1::{AckEventsRequest, AckEventsResponse},
};

use crate::{Billing, ledger, prices, statement};

rpcs! { impl BillingService for Billing {
    get_wallet: GetWalletRequest => Wallet = statement::rpc::get_wallet;
    list_statement: ListStatementRequest => ListStatementResponse = statement::rpc::list;
    get_transfer: GetTransferRequest => Transfer = statement::rpc::get_transfer;
    hold: HoldRequest => HoldResponse = ledger::rpc::hold;
    settle: SettleRequest => CloseResponse = ledger::rpc::settle;
    release: ReleaseRequest => CloseResponse = ledger::rpc::release;
    quote: QuoteRequest => QuoteResponse = ledger::quote::quote;
    batch_get_balances: BatchGetBalancesRequest => BatchGetBalancesResponse = statement::rpc::balances;
} }

rpcs! { impl PriceService for Billing {
    create_price: CreatePriceRequest => Price = prices::rpc::create;
    list_prices: ListPricesRequest => ListPricesResponse = prices::rpc::list;
    end_price: EndPriceRequest => Price = prices::rpc::end;
} }

rpcs! { impl BillingEventService for Billing {
    ack_events: AckEventsRequest => AckEventsResponse = crate::ack_events;
} }
