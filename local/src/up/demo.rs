//! The demo workspace: an owner, a superadmin, an assistant that knows one file, and a key to ask it. Made through the
//! product's own rpcs and REST, step by step: a start that died half-way goes on where it stopped.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, bail};
use neipix_mesh::client::Mesh;
use neipix_proto::auth::v1::{PlatformRole, ProvisionUserRequest, auth_service_client::AuthServiceClient};
use reqwest::{Method, StatusCode, multipart};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::secrets::{Secrets, write_private};

const FILE: &str = "правила-магазина.txt";
const TEXT: &str = include_str!("rules.txt");
const NAME: &str = "Ромашка";
/// One REST call.
const CALL: Duration = Duration::from_secs(20);
/// A small file is read in well under a second; a cold machine may take longer.
const READ_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A person of the demo.
pub struct Person {
    pub email: &'static str,
    pub password: String,
}

/// What a newcomer needs to try the product.
pub struct Demo {
    pub owner: Person,
    pub staff: Person,
    /// Id of the assistant.
    pub assistant: String,
    /// A key that may ask it, nothing else.
    pub api_key: String,
}

/// Kept in `demo.json`: a key is shown only once.
#[derive(Serialize, Deserialize)]
struct Kept {
    assistant: String,
    api_key: String,
}

const KEPT: &str = "demo.json";

/// Whether a folder has been served before.
pub(crate) fn is_there(dir: &Path) -> bool {
    dir.join(KEPT).is_file()
}

/// Makes what is missing: `address` is the edge's, `cli` leads to the services.
///
/// # Errors
/// When the product refuses a step.
pub async fn seed(address: SocketAddr, cli: &Mesh, secrets: &Secrets, dir: &Path) -> anyhow::Result<Demo> {
    let owner = Person { email: "owner@neipix.example", password: secrets.get("demo owner")? };
    let staff = Person { email: "root@neipix.example", password: secrets.get("demo superadmin")? };
    let api = Api::new(address)?;
    let path = dir.join(KEPT);
    let kept: Option<Kept> = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(kept) = kept
        && api.accepts(&kept.api_key).await?
    {
        return Ok(Demo { owner, staff, assistant: kept.assistant, api_key: kept.api_key });
    }
    provision(cli, &owner, "Анна", Some("Магазин «Ромашка»")).await?;
    provision(cli, &staff, "Root", None).await?;
    let login = json!({"email": owner.email, "password": owner.password, "surface": "SURFACE_API"});
    let tokens = api.call(Method::POST, "/api/v1/auth/login", Some(login)).await?;
    let api = api.signed(text(&tokens, "accessToken")?);
    let assistant = assistant(&api).await?;
    let key = json!({"name": "Demo", "permissions": ["chats.ask"], "assistantId": assistant});
    let made = api.call(Method::POST, "/api/v1/api-keys", Some(key)).await?;
    let kept = Kept { assistant, api_key: text(&made, "secret")?.to_owned() };
    write_private(&path, &serde_json::to_vec_pretty(&kept)?)?;
    Ok(Demo { owner, staff, assistant: kept.assistant, api_key: kept.api_key })
}

/// An account, or nothing where there is one.
async fn provision(cli: &Mesh, who: &Person, name: &str, workspace: Option<&str>) -> anyhow::Result<()> {
    let platform_role = if workspace.is_some() { PlatformRole::Unspecified } else { PlatformRole::Superadmin };
    let request = ProvisionUserRequest {
        email: who.email.into(),
        password: who.password.clone(),
        name: name.into(),
        workspace_name: workspace.unwrap_or_default().into(),
        platform_role: platform_role.into(),
        ..ProvisionUserRequest::default()
    };
    AuthServiceClient::new(cli.background("svc-auth"))
        .provision_user(request)
        .await
        .map_err(|status| anyhow::anyhow!("make {}: {}", who.email, status.message()))?;
    Ok(())
}

/// The published assistant with its file.
async fn assistant(api: &Api) -> anyhow::Result<String> {
    let found = api.call(Method::GET, "/api/v1/assistants?pageSize=200", None).await?;
    let id = match named(&found["assistants"], |assistant| assistant["draft"]["name"] == NAME) {
        Some(found) => found,
        None => {
            let instruction = "Ты помощник магазина. Отвечай коротко и по делу.";
            let draft = json!({"draft": {"name": NAME, "instruction": instruction, "answerDelaySeconds": 0}});
            text(&api.call(Method::POST, "/api/v1/assistants", Some(draft)).await?, "id")?.to_owned()
        }
    };
    let files = format!("/api/v1/assistants/{id}/files");
    let ready = api.call(Method::GET, &files, None).await?;
    if named(&ready["files"], |file| file["status"] == "FILE_STATUS_READY").is_none() {
        upload(api, &files).await?;
    }
    let _ = api.call(Method::POST, &format!("/api/v1/assistants/{id}:publish"), Some(json!({}))).await?;
    Ok(id)
}

fn named(rows: &Value, is: impl Fn(&Value) -> bool) -> Option<String> {
    let row = rows.as_array()?.iter().find(|row| is(row))?;
    row["id"].as_str().map(str::to_owned)
}

async fn upload(api: &Api, files: &str) -> anyhow::Result<()> {
    let announced =
        api.call(Method::POST, files, Some(json!({"name": FILE, "sizeBytes": TEXT.len().to_string()}))).await?;
    let mut form = multipart::Form::new();
    for (name, value) in announced["upload"]["fields"].as_object().context("an upload has fields")? {
        form = form.text(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    form = form.part("file", multipart::Part::bytes(TEXT.as_bytes()).file_name(FILE));
    let answer = api.client.post(text(&announced["upload"], "url")?).multipart(form).send().await?;
    answer.error_for_status().context("the storage refuses the demo's file")?;
    let file = text(&announced["file"], "id")?;
    let _ = api.call(Method::POST, &format!("{files}/{file}:confirm"), Some(json!({}))).await?;
    let deadline = Instant::now() + READ_WITHIN;
    loop {
        let now = api.call(Method::GET, &format!("{files}/{file}"), None).await?;
        match now["status"].as_str() {
            Some("FILE_STATUS_READY") => return Ok(()),
            Some("FILE_STATUS_FAILED") => bail!("the demo's file cannot be read: {}", now["failure"]),
            _ if Instant::now() > deadline => bail!("the demo's file was not read within {READ_WITHIN:?}: {now}"),
            _ => sleep(PAUSE).await,
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("an answer without `{name}`"))
}

/// The product's REST face. `*.localhost` is not known to the system's resolver, so the address is named here.
struct Api {
    client: reqwest::Client,
    origin: String,
    token: Option<String>,
}

impl Api {
    fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(CALL)
            .resolve("api.localhost", address)
            .build()?;
        Ok(Self { client, origin: format!("http://api.localhost:{}", address.port()), token: None })
    }

    fn signed(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    /// Whether a key is good: the data may be another's by now.
    async fn accepts(&self, key: &str) -> anyhow::Result<bool> {
        let url = format!("{}/api/v1/openai/models", self.origin);
        let answer = self.client.get(url).bearer_auth(key).send().await?;
        match answer.status() {
            StatusCode::UNAUTHORIZED => Ok(false),
            status if status.is_success() => Ok(true),
            status => bail!("the demo's key cannot be checked: {status}"),
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.origin));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if !status.is_success() {
            bail!("{path}: {status} {body}");
        }
        Ok(body)
    }
}
