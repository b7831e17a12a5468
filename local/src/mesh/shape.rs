//! Which processes a mesh has, where each listens, and what each is told: two of every service and two edges.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
pub use neipix_mesh::{client::Mesh as CliMesh, config::Settings};
use neipix_mesh::{client::Tls, shutdown::Shutdown, tasks::Tasks};

use super::certificates::{Authority, Identity};
use crate::{
    children::{Program, Spec},
    product::SERVICES,
};

/// Processes of each service, and edges.
pub const REPLICAS: usize = 2;
/// The name of an edge.
pub const EDGE: &str = neipix_edge::serve::NAME;
/// Ports of services: below those that the system gives to outgoing connections, so that nobody takes the port of a
/// process that has just died.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A mesh as it is to be.
#[derive(Debug)]
pub struct Shape {
    /// Its processes: services first, then edges.
    pub replicas: Vec<Replica>,
    /// The authority of its certificates.
    pub authority: Authority,
    addresses: HashMap<String, Vec<String>>,
}

/// One process.
#[derive(Debug, Clone)]
pub struct Replica {
    /// `svc-billing`, `edge`.
    pub service: &'static str,
    /// From 0.
    pub number: usize,
    /// Where it serves.
    pub address: SocketAddr,
    /// Where it tells how it is.
    pub ops: SocketAddr,
    /// What it is told.
    pub envs: Vec<(String, String)>,
    program: PathBuf,
    home: PathBuf,
}

impl Shape {
    /// Chooses ports, issues certificates into `home`, and tells each process what it may know of `settings`.
    /// `programs` is the folder of the services' programs; `edges` are the ports of the edges.
    ///
    /// # Errors
    /// When a program is missing, a folder cannot be written, or a setting is wrong.
    pub fn plan(settings: &Settings, home: &Path, programs: &Path, edges: [u16; REPLICAS]) -> anyhow::Result<Self> {
        let authority = Authority::make()?;
        std::fs::create_dir_all(home).with_context(|| format!("make {}", home.display()))?;
        let home = home.canonicalize()?;
        let mut taken = edges.to_vec();
        let mut port = || free_port(&mut taken);
        let mut places: Vec<(&'static str, usize, u16)> = vec![];
        for service in SERVICES {
            for number in 0..REPLICAS {
                places.push((service, number, port()?));
            }
        }
        let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
        for (service, _, port) in &places {
            addresses.entry((*service).to_owned()).or_default().push(format!("127.0.0.1:{port}"));
        }
        places.extend(edges.into_iter().enumerate().map(|(number, port)| (EDGE, number, port)));
        let lists = addresses.iter().map(|(service, list)| (addresses_key(service), list.join(",")));
        let settings = settings.with("local", lists)?;
        let replicas = places.into_iter().map(|(service, number, address)| {
            let place = Place { service, number, address: local(address), ops: local(port()?) };
            Replica::plan(place, &settings, &authority, &home, programs)
        });
        let replicas = replicas.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { replicas, authority, addresses })
    }

    /// The replica of that number.
    pub fn replica(&self, service: &str, number: usize) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.service == service && replica.number == number)
    }

    /// The services as a process of that name reaches them, for as long as the caller's runtime lives.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn connect(&self, who: &str) -> anyhow::Result<CliMesh> {
        self.reach(who, &self.addresses)
    }

    /// The same at the replicas of one number only.
    ///
    /// # Errors
    /// As `connect`.
    pub fn connect_to(&self, who: &str, number: usize) -> anyhow::Result<CliMesh> {
        let one = |list: &Vec<String>| list.get(number).into_iter().cloned().collect();
        let addresses = self.addresses.iter().map(|(service, list)| (service.clone(), one(list))).collect();
        self.reach(who, &addresses)
    }

    fn reach(&self, who: &str, addresses: &HashMap<String, Vec<String>>) -> anyhow::Result<CliMesh> {
        let Identity { certificate, key, authority } = self.authority.certify(who)?;
        let tls = Tls { certificate: certificate.into(), key: key.into(), authority: authority.into() };
        Ok(CliMesh::connect(who, addresses, Some(&tls), &Tasks::new(), &Shutdown::new()))
    }
}

struct Place {
    service: &'static str,
    number: usize,
    address: SocketAddr,
    ops: SocketAddr,
}

impl Replica {
    fn plan(
        place: Place,
        settings: &Settings,
        authority: &Authority,
        home: &Path,
        programs: &Path,
    ) -> anyhow::Result<Self> {
        let Place { service, number, address, ops } = place;
        let program = programs.join(if service == EDGE { "neipix-edge" } else { service });
        if !program.is_file() {
            bail!("{} is missing: build it first", program.display());
        }
        let files = authority.certify(service)?.write(&home.join(format!("{service}-{number}")))?;
        // What a file says is among the settings already; its path may be relative to where the launcher was started.
        let told = settings.environment_of(service).into_iter().filter(|(name, _)| name != "NEIPIX_CONFIG");
        let mut envs: Vec<(String, String)> = told.map(|(name, value)| (name, value.expose().clone())).collect();
        let listen = if service == EDGE { "HTTP_ADDR" } else { "GRPC_ADDR" };
        envs.push((listen.to_owned(), address.to_string()));
        envs.push(("OPS_ADDR".to_owned(), ops.to_string()));
        for (name, path) in [("TLS_CERT", files.certificate), ("TLS_KEY", files.key), ("TLS_CA", files.authority)] {
            envs.push((name.to_owned(), path.display().to_string()));
        }
        Ok(Self { service, number, address, ops, envs, program: program.canonicalize()?, home: home.to_owned() })
    }

    /// Whether it says that it can work.
    pub async fn is_up(&self) -> bool {
        let url = format!("http://{}/readyz", self.ops);
        let asked = async { client()?.get(url).send().await };
        asked.await.is_ok_and(|answer| answer.status().is_success())
    }

    /// `svc-billing-0`.
    pub fn label(&self) -> String {
        format!("{}-{}", self.service, self.number)
    }
}

impl Program for Replica {
    fn name(&self) -> &'static str {
        self.service
    }

    fn spec(&self) -> Spec {
        let mut spec = Spec::new(&self.program);
        spec.envs.clone_from(&self.envs);
        // A `neipix.toml` of where the launcher was started has been read by it, not by its children.
        spec.dir = Some(self.home.clone());
        spec.log = Some(self.log());
        spec.bare = true;
        // Its servers go at the same moment: there is nothing to drain into.
        spec.orphan_signal = libc::SIGKILL;
        spec
    }

    async fn is_ready(&self) -> bool {
        self.is_up().await
    }

    fn ready_within(&self) -> Duration {
        // Twelve start at once.
        Duration::from_secs(120)
    }

    fn stop_signal(&self) -> i32 {
        libc::SIGTERM
    }

    fn log(&self) -> PathBuf {
        self.home.join(format!("{}.log", self.label()))
    }
}

fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()
}

/// `BILLING_ADDRS` of `svc-billing`.
fn addresses_key(service: &str) -> String {
    format!("{}_ADDRS", service.trim_start_matches("svc-").to_uppercase())
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that is free and was not chosen before; meshes that start at the same time begin at different places.
fn free_port(taken: &mut Vec<u16>) -> anyhow::Result<u16> {
    let span = PORTS.end - PORTS.start;
    let start = rand::random::<u16>() % span;
    for step in 0..span {
        let port = PORTS.start + (start + step) % span;
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.push(port);
            return Ok(port);
        }
    }
    bail!("no port from {} to {} is free", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with programs of the right names.
    fn programs() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in SERVICES.into_iter().chain(["neipix-edge"]) {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        dir
    }

    fn plan(home: &Path) -> Shape {
        let pairs = ["AUTH", "ASSISTANTS", "BILLING", "CHATS", "ADMIN"]
            .map(|name| (format!("{name}_DATABASE_URL"), format!("postgres://{name}:x@127.0.0.1:1/n")));
        let settings = Settings::from_pairs("local", pairs).unwrap();
        Shape::plan(&settings, home, programs().path(), [1, 2]).unwrap()
    }

    #[test]
    fn every_process_has_a_place_of_its_own_and_knows_both_of_every_service() {
        let home = tempfile::tempdir().unwrap();
        let shape = plan(home.path());
        assert_eq!(shape.replicas.len(), 12);
        let mut ports: Vec<u16> = shape.replicas.iter().flat_map(|r| [r.address.port(), r.ops.port()]).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 24);
        let chats = shape.replica("svc-chats", 1).unwrap();
        let told = |name: &str| chats.envs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let billing: Vec<String> =
            [0, 1].map(|n| shape.replica("svc-billing", n).unwrap().address.to_string()).to_vec();
        assert_eq!(told("BILLING_ADDRS"), Some(billing.join(",").as_str()));
        assert!(told("CHATS_DATABASE_URL").is_some() && told("BILLING_DATABASE_URL").is_none());
        assert!(shape.replica("edge", 0).unwrap().envs.iter().all(|(name, _)| !name.ends_with("DATABASE_URL")));
    }

    #[test]
    fn keys_of_certificates_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let shape = plan(home.path());
        for replica in &shape.replicas {
            let key = home.path().join(replica.label()).join("tls.key");
            assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let settings = Settings::from_pairs("local", Vec::<(String, String)>::new()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let refused = Shape::plan(&settings, home.path(), home.path(), [1, 2]).unwrap_err().to_string();
        assert!(refused.contains("svc-auth is missing"), "{refused}");
    }
}
