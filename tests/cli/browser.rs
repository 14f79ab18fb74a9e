//! A headless Chromium, driven by its debugging protocol over a pair of pipes.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// A page in a browser of its own.
pub struct Browser {
    process: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    events: Vec<Value>,
    folder: tempfile::TempDir,
}

/// The browser named by `IPT_CHROMIUM`, or the first on the path.
fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("IPT_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

impl Browser {
    /// Opens a page of 1200 × 900 pixels; none if there is no browser, which is said on stderr.
    pub fn open(page: &Path) -> Option<Self> {
        let Some(program) = find() else {
            // Not by a macro: the test runner would keep it from being seen.
            let _ = std::io::stderr().write_all(
                b"SKIPPED: the report page in a browser: no Chromium on the path, none in IPT_CHROMIUM\n",
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        // The protocol's pipes are descriptors 3 and 4, which a shell can open.
        let process = Command::new("bash")
            .args(["-c", r#"exec 3<"$TO" 4>"$FROM"; exec "$@""#, "bash"])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-pipe", "--window-size=1200,900", "--no-first-run"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(to).unwrap();
        let answers = BufReader::new(File::open(from).unwrap());
        let (send, from) = channel();
        std::thread::spawn(move || {
            let messages = answers.split(0).map_while(Result::ok);
            messages.for_each(|message| drop(send.send(serde_json::from_slice(&message).unwrap())));
        });
        let mut browser = Self { process, to, from, session: None, calls: 0, events: Vec::new(), folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let session =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.navigate", json!({"url": format!("file://{}", page.display())}));
        while !browser.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = browser.receive();
            browser.events.push(event);
        }
        Some(browser)
    }

    fn receive(&mut self) -> Value {
        self.from.recv_timeout(Duration::from_secs(60)).expect("the browser answers")
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.receive();
            if answer["id"] != self.calls {
                self.events.push(answer);
                continue;
            }
            assert!(answer.get("error").is_none(), "{method}: {answer}");
            return answer["result"].take();
        }
    }

    /// What an expression comes to; a promise is waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression holds.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        for _ in 0..200 {
            if self.value(expression) == true {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{expression} never holds");
    }

    fn mouse(&mut self, kind: &str, (x, y): (f64, f64), more: Value) {
        let mut parameters = json!({"type": kind, "x": x, "y": y});
        let more = more.as_object().unwrap().clone();
        parameters.as_object_mut().unwrap().extend(more);
        self.call("Input.dispatchMouseEvent", parameters);
    }

    /// The middle of the first element that a selector finds, on the screen.
    #[track_caller]
    fn middle(&mut self, selector: &str) -> (f64, f64) {
        let box_ = self.value(&format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'nearest'}}); \
             const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        ));
        (box_[0].as_f64().unwrap(), box_[1].as_f64().unwrap())
    }

    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let at = self.middle(selector);
        for kind in ["mousePressed", "mouseReleased"] {
            self.mouse(kind, at, json!({"button": "left", "clickCount": 1}));
        }
    }

    /// Turns the wheel over an element.
    #[track_caller]
    pub fn wheel(&mut self, selector: &str, by: i32) {
        let at = self.middle(selector);
        self.mouse("mouseWheel", at, json!({"deltaX": 0, "deltaY": by}));
    }

    /// Drags from the middle of an element.
    #[track_caller]
    pub fn drag(&mut self, selector: &str, (right, down): (f64, f64)) {
        let (x, y) = self.middle(selector);
        self.mouse("mousePressed", (x, y), json!({"button": "left", "buttons": 1, "clickCount": 1}));
        self.mouse("mouseMoved", (x + right, y + down), json!({"button": "left", "buttons": 1}));
        self.mouse("mouseReleased", (x + right, y + down), json!({"button": "left", "clickCount": 1}));
    }

    /// The page as a PNG file in base64.
    pub fn screenshot(&mut self) -> String {
        self.call("Page.captureScreenshot", json!({"format": "png"}))["data"].as_str().unwrap().to_owned()
    }

    /// Errors and warnings of the console and of scripts, and requests for anything but the page.
    pub fn complaints(&mut self, page: &Path) -> Vec<String> {
        let page = format!("file://{}", page.display());
        let complaint = |event: &Value| {
            let parameters = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(format!("exception {parameters}")),
                "Runtime.consoleAPICalled" => Some(format!("console {parameters}")),
                "Log.entryAdded" => Some(format!("log {parameters}")),
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str()?;
                    (url != page && !url.starts_with("data:")).then(|| format!("request for {url}"))
                }
                _ => None,
            }
        };
        self.events.iter().filter_map(complaint).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The browser's helpers end after it and may still write to their folder meanwhile.
        let profile = self.folder.path().join("profile");
        for _ in 0..20 {
            if std::fs::remove_dir_all(&profile).is_ok() || !profile.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
