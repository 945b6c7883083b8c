//! A relay for clients that speak no TLS: they connect to it in the clear, and it connects to the server under TLS.

use super::Trust;
use anyhow::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

/// Starts a relay on this machine; gives its address. It runs as long as the runtime.
///
/// # Errors
/// When no port is free.
pub async fn relay(server: SocketAddr, trust: &Trust) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let (connector, name) = (TlsConnector::from(Arc::clone(&trust.config)), trust.name.clone());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (connector, name) = (connector.clone(), name.clone());
            tokio::spawn(async move {
                let tcp = TcpStream::connect(server).await?;
                tcp.set_nodelay(true)?;
                client.set_nodelay(true)?;
                let mut secure = connector.connect(name, tcp).await?;
                // The end of either side ends the other one, which the client then notices.
                copy_bidirectional(&mut client, &mut secure).await.map(drop)
            });
        }
    });
    Ok(address)
}
