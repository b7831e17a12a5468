//! Makes a tonic service of plain functions, one line per rpc.

use std::{pin::Pin, sync::Arc};

use futures::StreamExt as _;
use tonic::{Request, Response, Status};

use crate::{
    context::{Call, CallContext},
    failure::Failure,
};

/// What a server-streaming handler returns.
pub type Stream<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Failure>> + Send>>;

/// What tonic sends of it.
pub type StatusStream<T> = Pin<Box<dyn futures::Stream<Item = Result<T, Status>> + Send>>;

/// Takes a request apart. The access layer has put the context beside it.
///
/// # Errors
/// INTERNAL where a service is served without the access layer.
pub fn call<T>(request: Request<T>) -> Result<Call<T>, Status> {
    let context = request.extensions().get::<Arc<CallContext>>().cloned();
    let context = context
        .ok_or_else(|| Failure::internal("the access layer is missing in front of this service").into_status())?;
    Ok(Call { message: request.into_inner(), context })
}

/// Answer of a unary handler.
///
/// # Errors
/// The handler's failure as a status.
pub fn answer<T, E: Into<Failure>>(result: Result<T, E>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|e| e.into().into_status())
}

/// Answer of a streaming handler.
///
/// # Errors
/// The handler's failure as a status.
pub fn answer_stream<T: 'static, E: Into<Failure>>(
    result: Result<Stream<T>, E>,
) -> Result<Response<StatusStream<T>>, Status> {
    match result {
        Ok(stream) => Ok(Response::new(Box::pin(stream.map(|item| item.map_err(Failure::into_status))))),
        Err(error) => Err(error.into().into_status()),
    }
}

/// Implements a generated service trait with plain functions.
///
/// ```ignore
/// rpcs! { impl BillingService for Rpc {
///     get_wallet: GetWalletRequest => Wallet = wallets::rpc::get_wallet;
///     stream watch(WatchStream): WatchRequest => WatchResponse = watch::rpc::watch;
/// } }
/// ```
/// A unary function is `async fn(&Rpc, Call<Req>) -> Result<Resp, E>`, a streaming one
/// `async fn(&Rpc, Call<Req>) -> Result<Stream<Resp>, E>`, with `E: Into<Failure>`.
#[macro_export]
macro_rules! rpcs {
    (impl $service:ident for $state:ty { $($body:tt)* }) => {
        $crate::rpcs! { @munch $service, $state, {} $($body)* }
    };
    (@munch $service:ident, $state:ty, { $($done:tt)* }) => {
        #[tonic::async_trait]
        impl $service for $state { $($done)* }
    };
    (@munch $service:ident, $state:ty, { $($done:tt)* }
        stream $name:ident($stream:ident): $request:ty => $response:ty = $function:path; $($rest:tt)*) => {
        $crate::rpcs! { @munch $service, $state, { $($done)*
            type $stream = $crate::serve::StatusStream<$response>;
            async fn $name(
                &self,
                request: tonic::Request<$request>,
            ) -> Result<tonic::Response<Self::$stream>, tonic::Status> {
                $crate::serve::answer_stream($function(self, $crate::serve::call(request)?).await)
            }
        } $($rest)* }
    };
    (@munch $service:ident, $state:ty, { $($done:tt)* }
        $name:ident: $request:ty => $response:ty = $function:path; $($rest:tt)*) => {
        $crate::rpcs! { @munch $service, $state, { $($done)*
            async fn $name(
                &self,
                request: tonic::Request<$request>,
            ) -> Result<tonic::Response<$response>, tonic::Status> {
                $crate::serve::answer($function(self, $crate::serve::call(request)?).await)
            }
        } $($rest)* }
    };
}
