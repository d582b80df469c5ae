//! Whose API it is, by the names of fields.
//!
//! Names of hosts alone tell nothing: an API is asked through gateways, and a gateway by any name. So a provider is known by fields that
//! nobody else sends; by those of the response first, which say who answered, else by those of the request, which say whose API was asked.

use crate::http::head::Direction;
use crate::http::sent::Field;

/// Who offers the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// A LiteLLM proxy.
    LiteLlm,
    /// Portkey's gateway.
    Portkey,
    /// Helicone's gateway.
    Helicone,
    /// Cloudflare AI Gateway.
    Cloudflare,
    /// OpenRouter.
    OpenRouter,
    /// Amazon Bedrock.
    Bedrock,
    /// Azure OpenAI and Azure AI Foundry.
    Azure,
    /// Gemini API and Vertex AI.
    Google,
    /// Groq.
    Groq,
    /// Mistral AI.
    Mistral,
    /// Cohere.
    Cohere,
    /// Fireworks AI.
    Fireworks,
    /// Together AI.
    Together,
    /// DeepSeek.
    DeepSeek,
    /// xAI.
    Xai,
    /// NVIDIA's API catalog.
    Nvidia,
    /// OpenAI, or who speaks its API with its fields.
    OpenAi,
    /// Anthropic, or who speaks its API with its fields.
    Anthropic,
}

/// Fields that only one sends or asks for; a `*` stands for any ending. Earlier ones count first: gateways before those behind them, clouds
/// before those whose models they serve, and last the two whose APIs others speak. From the providers' documentation of their headers.
const FIELDS: [(&str, Provider); 26] = [
    ("x-litellm-*", Provider::LiteLlm),
    ("llm_provider-*", Provider::LiteLlm),
    ("x-portkey-*", Provider::Portkey),
    ("helicone-*", Provider::Helicone),
    ("cf-aig-*", Provider::Cloudflare),
    ("x-openrouter-*", Provider::OpenRouter),
    ("x-amzn-bedrock-*", Provider::Bedrock),
    ("azureml-model-*", Provider::Azure),
    ("x-ms-rai-invoked", Provider::Azure),
    ("x-gemini-service-tier", Provider::Google),
    ("x-vertex-ai-llm-*", Provider::Google),
    ("x-groq-*", Provider::Groq),
    ("mistral-correlation-id", Provider::Mistral),
    ("x-trial-endpoint-call-*", Provider::Cohere),
    ("x-endpoint-monthly-call-limit", Provider::Cohere),
    ("fireworks-*", Provider::Fireworks),
    ("x-together-*", Provider::Together),
    ("x-ds-trace-id", Provider::DeepSeek),
    ("x-ds-request-id", Provider::DeepSeek),
    ("x-metrics-ttft-ms", Provider::Xai),
    ("x-metrics-e2e-ms", Provider::Xai),
    ("nvcf-*", Provider::Nvidia),
    ("openai-*", Provider::OpenAi),
    ("x-openai-*", Provider::OpenAi),
    ("anthropic-*", Provider::Anthropic),
    ("x-anthropic-*", Provider::Anthropic),
];

/// What one head tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    /// Into [`FIELDS`].
    field: Option<usize>,
    /// Fields of a cloud, all of whose services send them.
    cloud: Option<Provider>,
    /// A place of that cloud where models are asked.
    place: Option<Place>,
}

/// A host or a path of a cloud where models are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Azure,
    Google,
}

impl Evidence {
    pub(super) fn observe(&mut self, field: &Field<'_>, direction: Direction) {
        let earlier = &FIELDS[..self.field.unwrap_or(FIELDS.len())];
        if let Some(found) = earlier.iter().position(|(pattern, _)| fits(field.name, pattern)) {
            self.field = Some(found);
        } else if self.cloud.is_none() {
            self.cloud = cloud(field, direction);
        }
    }

    pub(super) fn observe_place(&mut self, place: Option<Place>) {
        self.place = place;
    }

    fn provider(&self) -> Option<Provider> {
        self.field.map(|field| FIELDS[field].1)
    }
}

fn fits(name: &[u8], pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start.as_bytes())),
        None => name.eq_ignore_ascii_case(pattern.as_bytes()),
    }
}

/// All of Azure's AI services are behind API Management, which takes `api-key` and answers with these; `gfet4t7` is Google's frontend, and
/// `x-goog-api-key` opens all of its APIs.
fn cloud(field: &Field<'_>, direction: Direction) -> Option<Provider> {
    let is = |names: &[&str]| names.iter().any(|name| field.is(name));
    match direction {
        Direction::Request if is(&["x-goog-api-key"]) => Some(Provider::Google),
        Direction::Request if is(&["api-key"]) => Some(Provider::Azure),
        Direction::Response if is(&["apim-request-id", "x-ms-region"]) => Some(Provider::Azure),
        Direction::Response if is(&["server-timing"]) => field.value.starts_with(b"gfet4t7").then_some(Provider::Google),
        _ => None,
    }
}

impl Place {
    /// Azure: `NAME.openai.azure.com/openai/deployments/...`. Google: `generativelanguage.googleapis.com`, `REGION-aiplatform.googleapis.com`,
    /// and paths that end in a method of their models.
    pub(super) fn of(host: &[u8], target: &[u8]) -> Option<Self> {
        const METHODS: [&str; 7] = [
            "generateContent",
            "streamGenerateContent",
            "countTokens",
            "embedContent",
            "batchEmbedContents",
            "rawPredict",
            "streamRawPredict",
        ];
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let name = host.split(|byte| *byte == b':').next().unwrap_or_default();
        let ends = |end: &str| name.len() >= end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes());
        let method = memchr::memrchr(b':', path).map(|colon| &path[colon + 1..]);
        if ends(".openai.azure.com") || ends(".services.ai.azure.com") || memchr::memmem::find(path, b"/openai/deployments/").is_some() {
            Some(Self::Azure)
        } else if ends("generativelanguage.googleapis.com")
            || ends("aiplatform.googleapis.com")
            || method.is_some_and(|method| METHODS.iter().any(|known| method == known.as_bytes()))
        {
            Some(Self::Google)
        } else {
            None
        }
    }
}

/// Whose API the heads tell that it is. A request counts only when all fields of the response were seen, which would say it better.
pub(super) fn of(request: Option<&Evidence>, response: Option<&Evidence>, response_is_whole: bool) -> Option<Provider> {
    let answered = response.and_then(Evidence::provider);
    let cloud = || {
        let cloud = [response, request].into_iter().flatten().find_map(|evidence| evidence.cloud)?;
        let is_asked = match (cloud, request.and_then(|evidence| evidence.place)) {
            (Provider::Azure, Some(Place::Azure)) | (Provider::Google, Some(Place::Google)) => true,
            // It passes on the fields of the one whose models it serves.
            (Provider::Azure, _) => answered == Some(Provider::OpenAi),
            _ => false,
        };
        is_asked.then_some(cloud)
    };
    match answered {
        None => cloud().or_else(|| request.filter(|_| response_is_whole)?.provider()),
        Some(Provider::OpenAi | Provider::Anthropic) => cloud().or(answered),
        other => other,
    }
}

impl Provider {
    /// As in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::Portkey => "portkey",
            Self::Helicone => "helicone",
            Self::Cloudflare => "cloudflare",
            Self::OpenRouter => "openrouter",
            Self::Bedrock => "bedrock",
            Self::Azure => "azure",
            Self::Google => "google",
            Self::Groq => "groq",
            Self::Mistral => "mistral",
            Self::Cohere => "cohere",
            Self::Fireworks => "fireworks",
            Self::Together => "together",
            Self::DeepSeek => "deepseek",
            Self::Xai => "xai",
            Self::Nvidia => "nvidia",
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }
}
