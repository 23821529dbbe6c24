//! The options of `askfirst serve` about webhooks.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use askfirst_core::record::State;
use clap::Args;

use crate::operations::Operations;
use crate::webhook::{Client, Delivery, Endpoint, Figures, Secret, Target};

#[derive(Args)]
pub struct Webhooks {
    /// Where to tell other systems of a withdrawal (https); repeatable.
    #[arg(long, value_delimiter = ',', value_name = "URL", env = "ASKFIRST_WEBHOOK")]
    webhook: Vec<String>,
    /// File with the secret that signs webhooks: `whsec_` and base64, one a line; all sign while the secret is changed.
    #[arg(long, value_name = "FILE", env = "ASKFIRST_WEBHOOK_SECRET_FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// The same by the environment.
    #[arg(long, env = "ASKFIRST_WEBHOOK_SECRET", hide = true, hide_env_values = true)]
    webhook_secret: Option<String>,
    /// What webhooks tell: given, refused, changed, renewed, withdrawn; a change that takes something back is `withdrawn`.
    #[arg(long, default_value = "withdrawn", value_delimiter = ',', value_parser = state, value_name = "KIND", env = "ASKFIRST_WEBHOOK_ON")]
    webhook_on: Vec<State>,
}

fn state(name: &str) -> Result<State, String> {
    State::named(name).ok_or_else(|| "must be given, refused, changed, renewed or withdrawn".to_owned())
}

impl Webhooks {
    /// One delivery for each endpoint.
    ///
    /// # Errors
    /// A sentence for the person at the console.
    pub fn deliveries(&self, operations: &Arc<Operations>, figures: &Arc<Figures>) -> Result<Vec<Delivery>, String> {
        if self.webhook.is_empty() {
            return Ok(Vec::new());
        }
        let text = match (&self.webhook_secret_file, &self.webhook_secret) {
            (Some(file), _) => fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?,
            (None, Some(text)) => text.clone(),
            (None, None) => return Err("a webhook needs --webhook-secret-file or ASKFIRST_WEBHOOK_SECRET".to_owned()),
        };
        let secrets = Secret::read(&text)?;
        let client = Client::new()?;
        let delivery = |url: &String| {
            let target = Target::parse(url)?;
            let endpoint = Endpoint { url: url.clone(), target, secrets: secrets.clone(), on: self.webhook_on.clone() };
            let (operations, figures) = (Arc::clone(operations), Arc::clone(figures));
            Ok(Delivery { endpoint, client: client.clone(), operations, figures })
        };
        self.webhook.iter().map(delivery).collect()
    }
}
