//! The page of `ipt score --html`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipt::picture;
use serde_json::Value;

use crate::browser::Browser;
use crate::harness::{TestEnv, grey};

/// Three pictures, of which `b` is noisiest and `c` least, and a second, worse result.
fn compared() -> TestEnv {
    let env = TestEnv::new();
    for (name, sigma, width) in [("a", 20, 230), ("b", 40, 200), ("c", 10, 260)] {
        env.write(&format!("in/{name}.png"), &grey(width, 150));
        for (folder, sigma) in [("out", sigma), ("worse", sigma + 15)] {
            env.assert_output(
                &format!("degrade --task denoise{sigma} in/{name}.png {folder}/{name}.png"),
                b"",
            );
        }
    }
    env
}

fn data(page: &str) -> Value {
    let start = page.split("<script type=\"application/json\" id=\"data\">").nth(1).unwrap();
    serde_json::from_str(start.split("</script>").next().unwrap()).unwrap()
}

#[test]
fn the_page_holds_all_it_needs() {
    let env = compared();
    let table = env.assert_output("score out worse --ref in", b"");
    env.write("report.html", b"an older one");
    assert_eq!(env.assert_output("score out worse --ref in --html report.html", b""), table);
    let page = String::from_utf8(env.read("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for outside in ["://", "src=", "href=\"/", "@import", "url(", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("<title>ipt score: out against worse</title>"));
    let data = data(&page);
    assert_eq!(data["results"], serde_json::json!(["out", "worse"]));
    let exhibits = data["exhibits"].as_array().unwrap();
    let names: Vec<&str> = exhibits.iter().map(|exhibit| exhibit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "a", "c"], "the worst first");
    let view = &exhibits[0]["views"][0];
    assert_eq!((&view["width"], &view["shrunk"]), (&200.into(), &1.into()));
    for (at, file) in ["out/b.png", "worse/b.png", "in/b.png"].iter().enumerate() {
        let image = view["images"][at].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
        let shown = picture::decode(&STANDARD.decode(image).unwrap()).unwrap().picture;
        assert_eq!(shown, picture::decode(&env.read(file)).unwrap().picture.to_rgb8(), "{file}");
    }
    for marks in exhibits[0]["marks"].as_array().unwrap() {
        assert_eq!(marks.as_array().unwrap().len(), 3);
    }
    // From stdin, too, which gives its bytes once.
    env.assert_output("score - in/a.png --html one.html", &env.read("out/a.png"));
    assert!(env.read("one.html").len() > 20_000);
    env.assert_error("score out in --html in/a.png", &["in/a.png: a page's name ends in .html"]);
}

#[test]
fn the_page_works_in_a_browser() {
    let env = compared();
    env.assert_output("score out worse --ref in --html report.html", b"");
    let path = env.path("report.html");
    let Some(mut browser) = Browser::open(&path) else { return };

    let names =
        "[...document.querySelectorAll('#figures tbody th')].map((cell) => cell.textContent).join('')";
    let sorted = "document.querySelector('#figures [aria-sort$=scending]').cellIndex";
    assert_eq!(browser.value(names), "abc");
    for (column, order) in [(2, "bac"), (2, "cab"), (3, "bac"), (1, "abc"), (1, "cba")] {
        browser.click(&format!("#figures thead th:nth-child({column}) button"));
        assert_eq!(browser.value(names), order, "column {column}");
        assert_eq!(browser.value(sorted), column - 1);
    }

    // Five panes, all drawn; the difference is where result and reference differ.
    browser.wait_for("document.querySelectorAll('#panes canvas').length === 2");
    assert_eq!(
        browser.value("[...document.querySelectorAll('#panes img')].map((image) => image.naturalWidth)"),
        serde_json::json!([200, 200, 200])
    );
    let sum = "(() => { const from = document.querySelector('#panes canvas'); \
               const to = Object.assign(document.createElement('canvas'), { width: from.width, height: from.height }); \
               const context = to.getContext('2d', { willReadFrequently: true }); context.drawImage(from, 0, 0); \
               return context.getImageData(0, 0, to.width, to.height).data\
               .reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0); })()";
    let brightness = browser.value(sum).as_f64().unwrap();
    let pixels = 200.0 * 150.0 * 3.0;
    // Four times the mean of |noise| of σ 40, where the dark picture cuts off what is below 0.
    assert!((40.0..140.0).contains(&(brightness / pixels)), "{}", brightness / pixels);
    browser.value("document.getElementById('gain').value = 1; document.getElementById('gain').dispatchEvent(new Event('input'))");
    let fainter = browser.value(sum).as_f64().unwrap();
    assert!(fainter > 0.0 && fainter < brightness / 2.0, "{fainter} of {brightness}");

    // The wheel zooms all panes together, dragging moves them, 'whole' goes back.
    let transforms =
        "[...new Set([...document.querySelectorAll('.layer')].map((layer) => layer.style.transform))].join()";
    let zoom = "parseFloat(document.getElementById('zoom').value)";
    let (whole, factor) = (browser.value(transforms), browser.value(zoom).as_f64().unwrap());
    browser.wheel(".pane", -600);
    browser.wait_for(&format!("{zoom} > {factor} * 4"));
    let near = browser.value(transforms);
    assert_eq!(near.as_str().unwrap().matches("scale").count(), 1, "all panes alike: {near}");
    browser.drag(".pane", (-40.0, -30.0));
    browser.wait_for(&format!("{transforms} !== {near}"));
    browser.click("#fit");
    assert_eq!(browser.value(transforms), whole);
    browser.click("#in");
    assert!(browser.value(zoom).as_f64().unwrap() > factor * 1.4);

    // A tile's button brings the tile into the middle.
    browser.click("#fit");
    assert_eq!(browser.value("document.querySelectorAll('#tiles button').length"), 6);
    browser.click("#tiles button:nth-child(2)");
    assert!(browser.value(zoom).as_f64().unwrap() > factor);
    let inside = "(() => { const inner = document.querySelectorAll('.mark')[1].getBoundingClientRect(); \
                  const outer = document.querySelector('.pane').getBoundingClientRect(); \
                  return inner.left >= outer.left - 1 && inner.right <= outer.right + 1 \
                  && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1 && inner.width > 40; })()";
    assert_eq!(browser.value(inside), true);

    // Pictures are chosen by row and by button.
    let picture = "document.getElementById('picture').selectedOptions[0].textContent";
    assert_eq!(browser.value(picture), "b");
    browser.click("#figures tbody tr:nth-child(1) th");
    assert_eq!(browser.value(picture), "c");
    browser.click("#previous");
    assert_eq!(browser.value(picture), "a");
    browser.wait_for("document.querySelectorAll('#panes canvas').length === 2");

    if let Some(file) = std::env::var_os("IPT_SCREENSHOT") {
        let image = STANDARD.decode(browser.screenshot()).unwrap();
        ipt::atomic::write(file.as_ref(), &image, ipt::atomic::Existing::Replace).unwrap();
    }
    assert_eq!(browser.complaints(&path), Vec::<String>::new());
}
