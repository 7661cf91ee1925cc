import Testing

@testable import ControllerConfiguration

@Suite("Values")
struct ValueTests {
    @Test(arguments: [
        ("1", 1), ("12B", 12), ("500kB", 500_000), ("500KB", 500_000), ("4GB", 4_000_000_000),
        ("1TB", 1_000_000_000_000),
        ("1KiB", 1_024), ("256MiB", 268_435_456), ("1.5GiB", 1_610_612_736), ("2TiB", 2_199_023_255_552),
        ("256 MiB", 268_435_456), ("0.1GiB", 107_374_182), ("9223372036854775807", Int.max),
    ])
    func sizes(text: String, bytes: Int) throws {
        #expect(ByteSize.bytes(text) == bytes)
        #expect(try parse("limits: {body: \(text)}").limits.body == bytes)
    }

    @Test(arguments: [
        "-1", "-5MiB", "1.5", "1.5B", "256M", "256mib", "MiB", "1.GiB", ".5GiB", "1.2.3GiB", "1e3", "0", "0MiB", "''",
        "[1]", "9223372036854775808", "9000000TiB", "٣MiB",
    ])
    func whatIsNoSize(text: String) {
        let written = text == "[1]" ? "a list" : text == "''" ? "\"\"" : "'\(text)'"
        #expect(
            mistakes("limits:\n  body: \(text)") == [
                "2: limits.body is \(written); write a size above zero as in 256MiB, 1.5GiB, 4GB, 500kB, or a number of bytes"
            ])
    }

    @Test(arguments: [
        ("300s", Duration.seconds(300)), ("10m", .seconds(600)), ("500ms", .milliseconds(500)), ("1h", .seconds(3_600)),
        ("1.5s", .milliseconds(1_500)), ("1.1s", .milliseconds(1_100)), ("8760h", .seconds(31_536_000)),
    ])
    func durations(text: String, duration: Duration) throws {
        #expect(try parse("orphan_timeout: \(text)").orphanTimeout == duration)
    }

    @Test(arguments: ["-1s", "300", "5min", "1d", "s", "1m30s", "8761h", "99999999999999999999h", "{}"])
    func whatIsNoDuration(text: String) {
        #expect(
            mistakes("\norphan_timeout: \(text)") == [
                "2: orphan_timeout is \(text == "{}" ? "a mapping" : "'\(text)'"); "
                    + "write a duration of at most 8760h as in 300s, 10m, 500ms or 1h"
            ])
    }

    @Test(arguments: ["0s", "0.4ms"])
    func aTimeoutIsAboveZero(text: String) {
        #expect(
            mistakes("orphan_timeout: \(text)") == [
                "1: orphan_timeout is '\(text)'; write a duration above zero as in 300s"
            ])
    }

    @Test(arguments: ["-1", "1.5", "\"7\"", "seven", "1000001", "true", "[7]"])
    func whatIsNoCount(text: String) {
        let found = mistakes("limits: {queue: \(text)}")
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix("; write a whole number from 1 to 1000000") == true)
    }

    @Test(arguments: ["yes", "on", "1", "\"true\"", "[]"])
    func whatIsNoTruth(text: String) {
        let found = mistakes("\nallow_trust_remote_code: \(text)")
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("2: allow_trust_remote_code is ") == true)
        #expect(found.first?.hasSuffix("; write true or false") == true)
    }

    @Test(arguments: ["true", "True", "TRUE"])
    func truths(text: String) throws {
        #expect(try parse("allow_trust_remote_code: \(text)").allowTrustRemoteCode)
    }

    @Test func distances() {
        #expect(NearestWord.distance("kitten", "sitting") == 3)
        #expect(NearestWord.distance("", "abc") == 3)
        #expect(NearestWord.distance("Max-Model", "max_model") == 0)
        #expect(NearestWord.find("pth", in: ["path", "pin"]) == "path")
        #expect(NearestWord.find("x", in: ["id"]) == nil)
    }
}
