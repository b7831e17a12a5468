//! Who may call whom: certificates between the processes, and what of the inside shows at the edge.

use http::Method;
use neipix_local::mesh::certificates::{Authority, Identity};
use neipix_proto::{
    auth::v1::{ProvisionUserRequest, auth_service_client::AuthServiceClient},
    billing::v1::{ReleaseRequest, billing_service_client::BillingServiceClient},
    methods,
};
use neipix_tests::client::{Surface, http as http_client};
use neipix_tests::trust;
use tonic::{
    Code, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity},
};
use uuid::Uuid;

use crate::house::{House, in_house};

/// A channel to a process, trusting the mesh's authority, showing that certificate or none.
async fn connect(
    house: &House,
    service: &'static str,
    shown: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let authority = house.mesh.shape().authority.certify("reader").unwrap().authority;
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name(service);
    if let Some(shown) = shown {
        tls = tls.identity(TlsIdentity::from_pem(shown.certificate, shown.key));
    }
    let address = house.mesh.replica(service, 0).address;
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap().connect().await
}

async fn release(channel: Channel) -> Result<(), Status> {
    let request = ReleaseRequest {
        workspace_id: Uuid::now_v7().to_string(),
        turn_id: Uuid::now_v7().to_string(),
        ..ReleaseRequest::default()
    };
    BillingServiceClient::new(channel).release(request).await.map(|_| ())
}

/// With TLS 1.3 a server refuses a client's certificate after the client has finished: the first call tells.
async fn is_shut_out(house: &House, shown: Option<Identity>) -> bool {
    match connect(house, "svc-billing", shown).await {
        Err(_) => true,
        Ok(channel) => release(channel).await.is_err_and(|status| is_of_the_wire(&status)),
    }
}

/// No answer of a service: those say their reason. A server that breaks off in the middle of HTTP/2 is INTERNAL to tonic.
fn is_of_the_wire(status: &Status) -> bool {
    let wire = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
    status.details().is_empty() && wire.contains(&status.code())
}

#[test]
fn e_12_strangers_reach_no_internal_rpc_neither_at_a_service_nor_at_the_edge() {
    trust!("E-12");
    in_house(async |house| {
        a_service_shakes_hands_only_with_our_certificates_and_hears_only_whom_it_names(house).await;
        an_internal_rpc_is_not_there_at_the_edge(house).await;
    });
}

async fn a_service_shakes_hands_only_with_our_certificates_and_hears_only_whom_it_names(house: &House) {
    let ours = &house.mesh.shape().authority;
    // Ours and named: heard.
    let chats = connect(house, "svc-billing", Some(ours.certify("svc-chats").unwrap())).await.unwrap();
    release(chats).await.expect("svc-chats may release");
    // None, or another authority's, whatever it says.
    assert!(is_shut_out(house, None).await, "without a certificate");
    let strangers = Authority::make().unwrap();
    assert!(is_shut_out(house, Some(strangers.certify("svc-chats").unwrap())).await, "of another authority");
    // Plain text.
    let address = house.mesh.replica("svc-billing", 0).address;
    let plain = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
    let refused = match plain {
        Err(_) => true,
        Ok(channel) => release(channel).await.is_err_and(|status| is_of_the_wire(&status)),
    };
    assert!(refused, "without TLS");
    // Ours, but not named, or naming nobody of the mesh.
    for (host, identity) in [
        ("svc-auth", "spiffe://neipix/svc-auth"),
        ("edge", "spiffe://neipix/edge"),
        ("cli", "spiffe://neipix/cli"),
        ("svc-chats", "spiffe://elsewhere/svc-chats"),
        ("svc-chats", "spiffe://neipix/svc-chats/x"),
    ] {
        let channel = connect(house, "svc-billing", Some(ours.certify_as(host, identity).unwrap())).await.unwrap();
        let status = release(channel).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{identity}: {status:?}");
    }
    // A tool's certificate opens what names it, a service's does not.
    let request = ProvisionUserRequest::default();
    let edge = connect(house, "svc-auth", Some(ours.certify("edge").unwrap())).await.unwrap();
    let status = AuthServiceClient::new(edge).provision_user(request).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
}

/// By REST, gRPC-Web and gRPC.
async fn an_internal_rpc_is_not_there_at_the_edge(house: &House) {
    let internal: Vec<_> = methods().all().into_iter().filter(|method| method.is_internal()).collect();
    assert!(internal.len() > 10, "the descriptors name internal rpcs");
    let edge = house.mesh.edge(1);
    let host = format!("api.localhost:{}", house.mesh.edge(0).port());
    let token = format!("Bearer {}", house.owner.0);
    for method in internal {
        let path = &method.path;
        // REST: neither the rpc's own path nor the API's prefix before it is a route.
        let rest = house.mesh.rest(1, Surface::Api).acting(house.owner.clone());
        for path in [path.clone(), format!("/api/v1{path}")] {
            rest.call(Method::POST, &path, Some(serde_json::json!({}))).await.problem(404, "NOT_FOUND");
        }
        // gRPC-Web.
        for kind in ["application/grpc-web+proto", "application/grpc-web-text"] {
            let request = http_client().post(format!("http://{edge}{path}")).header("host", &host);
            let request = request.header("content-type", kind).header("authorization", &token);
            let body = if kind.ends_with("text") { b"AAAAAAA=".to_vec() } else { vec![0; 5] };
            let answer = request.body(body).send().await.unwrap();
            assert_eq!(answer.headers()["grpc-status"], "12", "{kind} {path}: {answer:?}");
        }
        // gRPC.
        let endpoint = Endpoint::from_shared(format!("http://{edge}")).unwrap();
        let channel = endpoint.origin(format!("http://{host}").parse().unwrap()).connect().await.unwrap();
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(());
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        let path = path.parse().unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let status = client.unary(request, path, codec).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    }
}
