import Scheduling
import Testing

@testable import worker_controller

struct OutputTests {
    @Test func columnsAreAsWideAsTheirCells() {
        var table = TextTable([.text("NAME"), .number("COUNT"), .text("NOTE")])
        table.add(["a", "1", "x"])
        table.add(["longer", "1234567", "first\nsecond"])
        table.add(["é", "22", ""])
        #expect(
            table.text == """
                NAME      COUNT  NOTE
                a             1  x
                longer  1234567  first
                é            22
                """)
    }

    @Test(arguments: [
        (nil, "-"), (0, "0.0 MiB"), (1_572_864, "1.5 MiB"), (1_073_741_823, "1024.0 MiB"), (1 << 30, "1.0 GiB"),
        (1_610_612_736, "1.5 GiB"),
    ])
    func sizes(bytes: Int?, text: String) {
        #expect(Units.bytes(bytes) == text)
    }

    @Test(arguments: [
        (0.9, "0s"), (59, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (7325, "2h 2m"), (90_000, "1d 1h"), (-1, "0s"),
    ])
    func ages(seconds: Double, text: String) {
        #expect(Units.age(seconds: seconds) == text)
    }

    @Test func otherFigures() {
        #expect(Units.milliseconds(812.34) == "812.3 ms")
        #expect(Units.milliseconds(nil) == "-")
        #expect(Units.count(1, "model") == "1 model")
        #expect(Units.count(0, "model") == "0 models")
        #expect(Units.name("") == "-")
        #expect(Units.number(nil) == "-")
    }

    @Test func engines() {
        let listing = EngineListing(engines: [.sample])
        #expect(
            listing.table(timings: false) == """
                ID   MODEL      STATE  DEVICE  PID  IN FLIGHT     MEMORY     START
                e-3  org/small  ready  cpu:0   104          2  700.0 MiB  812.3 ms
                """)
        #expect(
            listing.table(timings: true) == """
                ID   MODEL      STATE  DEVICE  PID  IN FLIGHT     MEMORY     START  STAGES (MS)
                e-3  org/small  ready  cpu:0   104          2  700.0 MiB  812.3 ms  config 12.2, load 200.5
                """)
        #expect(EngineListing(engines: []).table(timings: false).hasPrefix("no engines"))
    }

    @Test func models() {
        #expect(
            ModelListing(models: ControllerStatus.sample.models).table == """
                NAME       ALIASES  TIER  ENGINES  WAITING  FOOTPRINT  LAST ERROR
                org/small  default  hot   e-3            0  700.0 MiB  -
                broken     -        cold  -              3          -  no weights
                """)
    }

    @Test func timingsOfAnAnswer() {
        let answer = ChatAnswer(
            text: "x", tier: "cold", stages: [StageTime(stage: "queue", milliseconds: 0.14)],
            timeToFirstToken: .milliseconds(900), decodeTime: .seconds(2), tokens: 41)
        #expect(
            answer.timingTable == """
                tier cold, first token after 900.0 ms, 41 tokens at 20.0 tokens/s
                STAGE   MS
                queue  0.1
                """)
    }

    @Test func oneTokenHasNoSpeed() {
        #expect(ChatAnswer(decodeTime: .seconds(1), tokens: 1).tokensPerSecond == nil)
        #expect(ChatAnswer(decodeTime: .zero, tokens: 5).tokensPerSecond == nil)
    }
}
