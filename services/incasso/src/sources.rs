//! By which settings `incasso inspect` reads a file: of a source, of a column map, or of none.

use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

use ingestion::config::{MapSetting, Source};
use ingestion::formats::Settings;
use ingestion::formats::inspection::ProblemView;
use ingestion::import::source::choose;

/// By which settings a file is read, as the arguments say.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct By {
    /// Reads it as a file of this source (`[[ingestion.sources]]` of --config, else of incasso.toml).
    #[arg(long, value_name = "NAME", conflicts_with = "map")]
    pub source: Option<String>,
    /// Settings as for `incasso run`; without --source, the source is found by the file's account or columns.
    #[arg(long, value_name = "FILE", conflicts_with = "map")]
    pub config: Option<PathBuf>,
    /// Reads a table (CSV, XLSX) by this column map.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
}

/// Of a settings file, what concerns sources.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct OfSources {
    ingestion: Listed,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Listed {
    sources: Vec<Source>,
}

impl By {
    /// The settings that the arguments name for this file.
    ///
    /// # Errors
    /// What is wrong with them, for people.
    pub fn settings(&self, input: impl Read + Seek) -> Result<Settings, ProblemView> {
        let wrong = |place: String, what: String| ProblemView {
            place,
            what,
            remedy: "Correct the setting; services/ingestion/README.md shows an example.".to_owned(),
        };
        if let Some(path) = &self.map {
            let map = MapSetting::File(path.clone()).load();
            let map = map.map_err(|faults| wrong("--map".to_owned(), faults.join("; ")))?;
            return Ok(Settings {
                map: Some(Arc::new(map)),
                ..Settings::default()
            });
        }
        let own = self.source.as_ref().map(|_| PathBuf::from("incasso.toml"));
        let Some(path) = self.config.clone().or(own) else {
            return Ok(Settings::default());
        };
        let place = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(place.clone(), error.to_string()))?;
        let found: OfSources = toml::from_str(&text).map_err(|error| wrong(place.clone(), error.to_string()))?;
        let config = ingestion::Config {
            sources: found.ingestion.sources,
            ..ingestion::Config::default()
        };
        config
            .check()
            .map_err(|error| wrong(place.clone(), error.to_string()))?;
        let choice = choose(&config, self.source.as_deref(), input).map_err(|error| wrong(place, error.to_string()))?;
        choice.map_err(|refusal| ProblemView::from(&*refusal))
    }
}
