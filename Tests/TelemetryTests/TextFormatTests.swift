import Telemetry
import Testing

@Suite struct TextFormatTests {
    private func text(_ metrics: any Metric...) -> String {
        var text = PrometheusText()
        for metric in metrics { metric.write(to: &text) }
        return text.text
    }

    @Test func countersBeginWithZeroAndAreInOrder() {
        var counter = Counter("made_total", "What was made.", labels: ["kind", "how"], known: [["b", "fast"]])
        counter.increment("b", "slowly")
        counter.increment("a", "fast")
        counter.increment("a", "fast")
        #expect(
            text(counter) == """
                # HELP made_total What was made.
                # TYPE made_total counter
                made_total{kind="a",how="fast"} 2
                made_total{kind="b",how="fast"} 0
                made_total{kind="b",how="slowly"} 1

                """)
    }

    @Test func withoutLabelsThereAreNoBraces() {
        var counter = Counter("all_total", "All.")
        #expect(text(counter).hasSuffix("\nall_total 0\n"))
        counter.increment()
        #expect(text(counter).hasSuffix("\nall_total 1\n"))
    }

    @Test func whatIsNotPlainIsEscaped() {
        var gauge = Gauge("held", "A \\ and\na \"line\".", labels: ["name"])
        gauge.add(1, "a\"b\\c\nd\u{e9}")
        #expect(
            text(gauge) == #"# HELP held A \\ and\na "line"."# + "\n# TYPE held gauge\n"
                + #"held{name="a\"b\\c\nd"# + "\u{e9}\"} 1\n")
    }

    /// A line break that is two characters and one letter to Swift.
    @Test func carriageReturnsDoNotHideLineBreaks() {
        var gauge = Gauge("held", "A.", labels: ["name"])
        gauge.add(1, "a\r\nb")
        #expect(text(gauge).unicodeScalars.split(separator: "\n").count == 3)
        #expect(text(gauge).unicodeScalars.contains("\r"))
    }

    @Test func gaugesAddUp() {
        var gauge = Gauge("held", "What is held.", labels: ["device"])
        gauge.add(0, "cuda:0")
        gauge.add(2, "cpu:0")
        gauge.add(3, "cpu:0")
        #expect(text(gauge).hasSuffix("held{device=\"cpu:0\"} 5\nheld{device=\"cuda:0\"} 0\n"))
    }

    @Test func bucketsAreCumulative() {
        var histogram = Histogram(
            "took_seconds", "How long.", labels: ["tier"], bounds: [0.25, 1, 2.5], known: [["warm"]])
        for value in [0.25, 0.5, 1, 8] { histogram.observe(value, "cold") }
        #expect(
            text(histogram) == """
                # HELP took_seconds How long.
                # TYPE took_seconds histogram
                took_seconds_bucket{tier="cold",le="0.25"} 1
                took_seconds_bucket{tier="cold",le="1"} 3
                took_seconds_bucket{tier="cold",le="2.5"} 3
                took_seconds_bucket{tier="cold",le="+Inf"} 4
                took_seconds_sum{tier="cold"} 9.75
                took_seconds_count{tier="cold"} 4
                took_seconds_bucket{tier="warm",le="0.25"} 0
                took_seconds_bucket{tier="warm",le="1"} 0
                took_seconds_bucket{tier="warm",le="2.5"} 0
                took_seconds_bucket{tier="warm",le="+Inf"} 0
                took_seconds_sum{tier="warm"} 0
                took_seconds_count{tier="warm"} 0

                """)
    }
}
