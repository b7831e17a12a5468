//! An authority of the launcher's own, and what it certifies: who a process of the mesh is.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{Datelike as _, Days, NaiveDate, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::secrets::write_private;

/// Longer than a mesh on one machine runs; each start makes an authority and certificates anew.
const GOOD_FOR: Days = Days::new(7);

/// Signs certificates; its key is never written down.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key and the authority that signed it, PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub authority: String,
}

/// Where an identity lies: the values of `TLS_CERT`, `TLS_KEY` and `TLS_CA`.
#[derive(Debug, Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub authority: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn make() -> anyhow::Result<Self> {
        neipix_mesh::run::prepare_process();
        let mut params = params(vec![])?;
        params.distinguished_name.push(DnType::CommonName, "Neipix on this machine");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Certifies a process of the mesh, such as `svc-billing`.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn certify(&self, who: &str) -> anyhow::Result<Identity> {
        self.certify_as(who, &format!("spiffe://neipix/{who}"))
    }

    /// Certifies a host name with any identity.
    ///
    /// # Errors
    /// When it is no URI, or the system gives no random bytes.
    pub fn certify_as(&self, host: &str, identity: &str) -> anyhow::Result<Identity> {
        let mut params = params(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.subject_alt_names.push(SanType::URI(identity.try_into()?));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem(), authority: self.0.pem() })
    }
}

impl Identity {
    /// Writes the three files, which only their owner may read.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn write(&self, dir: &Path) -> anyhow::Result<Files> {
        std::fs::create_dir_all(dir).with_context(|| format!("make {}", dir.display()))?;
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            write_private(&path, text.as_bytes()).map(|()| path)
        };
        Ok(Files {
            certificate: write("tls.crt", &self.certificate)?,
            key: write("tls.key", &self.key)?,
            authority: write("ca.crt", &self.authority)?,
        })
    }
}

fn params(hosts: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)?;
    let today = Utc::now().date_naive();
    let midnight =
        |day: NaiveDate| anyhow::Ok(date_time_ymd(day.year(), u8::try_from(day.month())?, u8::try_from(day.day())?));
    params.not_before = midnight(today - Days::new(1))?;
    params.not_after = midnight(today + GOOD_FOR)?;
    Ok(params)
}
