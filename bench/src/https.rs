//! An HTTPS server with a chain of certificates as servers on the internet have one: a root, an intermediate
//! and a leaf. All are made when it starts.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::BenchError;

/// Where Linux distributions keep the certificates that they trust, as PEM.
const OF_THE_MACHINE: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// The answer to every request.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// The server. It listens on a free port of 127.0.0.1 for as long as its runtime lives.
pub struct HttpsServer {
    /// Its URL.
    pub url: String,
    folder: TempDir,
}

impl HttpsServer {
    /// Starts a server on the current runtime.
    ///
    /// # Errors
    /// When no port is free or a certificate cannot be made.
    pub async fn start() -> Result<Self, BenchError> {
        let folder = tempfile::tempdir()?;
        let (config, root) = certified()?;
        fs::write(folder.path().join("root.der"), &root)?;
        with_those_of_the_machine(&root, &folder.path().join("roots.pem"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("https://{}/", listener.local_addr()?);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // The client sees that its connection ends.
                    let _ = serve(&acceptor, stream).await;
                });
            }
        });
        Ok(Self { url, folder })
    }

    /// The file with the root's certificate, as DER.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.der")
    }

    /// The file with the machine's own roots and this one, as PEM.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("roots.pem")
    }
}

/// Answers the requests of a connection. They have no body.
async fn serve(acceptor: &TlsAcceptor, stream: TcpStream) -> Result<(), BenchError> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(acceptor.accept(stream).await?);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            stream.write_all(ANSWER).await?;
            stream.flush().await?;
        }
    }
}

/// The server's settings, and the certificate of its root.
fn certified() -> Result<(ServerConfig, Vec<u8>), BenchError> {
    let root = CertifiedIssuer::self_signed(authority("bench root")?, KeyPair::generate()?)?;
    let intermediate =
        CertifiedIssuer::signed_by(authority("bench intermediate")?, KeyPair::generate()?, &root)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new([Ipv4Addr::LOCALHOST.to_string()])?;
    let leaf = leaf.signed_by(&key, &intermediate)?;
    let chain = [leaf.der(), intermediate.der()].map(|it| CertificateDer::from(it.to_vec()));
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = rustls::crypto::ring::default_provider().into();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.to_vec(), key)?;
    Ok((config, root.der().to_vec()))
}

/// What a certificate that may sign others says.
fn authority(name: &str) -> Result<CertificateParams, BenchError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

/// Writes the certificates that the machine trusts, as far as they are found, and this one.
fn with_those_of_the_machine(root: &[u8], path: &Path) -> Result<(), BenchError> {
    let found = OF_THE_MACHINE.iter().find_map(|place| fs::read_to_string(place).ok());
    let mut file = fs::File::create(path)?;
    file.write_all(found.unwrap_or_default().as_bytes())?;
    writeln!(file, "-----BEGIN CERTIFICATE-----")?;
    for line in STANDARD.encode(root).as_bytes().chunks(64) {
        file.write_all(line)?;
        writeln!(file)?;
    }
    writeln!(file, "-----END CERTIFICATE-----")?;
    Ok(())
}
