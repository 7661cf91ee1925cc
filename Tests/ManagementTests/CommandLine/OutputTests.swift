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
        #expect(
            EngineListing(engines: [.sample]).table == """
                ID   MODEL      STATE  DEVICE  PID  IN FLIGHT     MEMORY     START
                e-3  org/small  ready  cpu:0   104          2  700.0 MiB  812.3 ms
                """)
        #expect(EngineListing(engines: []).table.hasPrefix("no engines"))
    }

    @Test func aReasonIsShownWhereThereIsOne() {
        var failed = EngineStatus.sample
        (failed.id, failed.state, failed.reason) = ("mine", "failed", "killed\nby signal 9")
        #expect(
            EngineListing(engines: [.sample, failed]).table == """
                ID    MODEL      STATE   DEVICE  PID  IN FLIGHT     MEMORY     START  REASON
                e-3   org/small  ready   cpu:0   104          2  700.0 MiB  812.3 ms  -
                mine  org/small  failed  cpu:0   104          2  700.0 MiB  812.3 ms  killed
                """)
    }

    @Test func startsOfEngines() {
        var placing = EngineStatus.sample
        (placing.id, placing.state, placing.startTier, placing.startMilliseconds) = ("e-14", "placing", nil, nil)
        placing.stages = []
        #expect(
            EngineListing(engines: [.sample, placing]).timingTable == """
                ID    MODEL      STATE    START TIER  TOTAL MS  STAGE      MS
                e-3   org/small  ready    warm           812.3  config   12.2
                                                                load    200.5
                e-14  org/small  placing  -                  -  -           -
                """)
        #expect(EngineListing(engines: []).timingTable.hasPrefix("no engines"))
    }

    @Test func models() {
        #expect(
            ModelListing(models: ControllerStatus.sample.models).table == """
                NAME       ALIASES  TIER    TEMPLATE        ENGINES  WAITING  FOOTPRINT  LAST ERROR
                org/small  default  hot     ready           e-3            0  700.0 MiB  -
                quiet      -        asleep  ready, weights  -              0  600.0 MiB  -
                fresh      -        warm    ready           -              0          -  -
                broken     -        cold    failed          -              3          -  no weights
                """)
    }

    @Test func aTemplatesErrorIsShownWhereThereIsNoOther() throws {
        var model = try #require(ControllerStatus.sample.models.last)
        model.lastError = nil
        #expect(ModelListing(models: [model]).table.hasSuffix("  its code raised"))
        model.template = nil
        #expect(ModelListing(models: [model]).table.hasSuffix("cold  -         -              3          -  -"))
    }

    @Test func workersAndTemplates() throws {
        #expect(WorkerListing(workers: [], templates: []).table.hasPrefix("no workers"))
        let template = try #require(ControllerStatus.sample.workers.last)
        let table = WorkerListing(workers: [], templates: [template]).table
        #expect(table.split(separator: "\n").count == 2)
    }

    @Test func whatCommandsSay() {
        var engine = EngineStatus.sample
        #expect(engine.sentence == "org/small: ready as e-3 on cpu:0, started in 812.3 ms from warm")
        engine.devices = ["cuda:0", "cuda:1"]
        #expect(engine.sentence == "org/small: ready as e-3 on cuda:0, cuda:1, started in 812.3 ms from warm")
        #expect(EngineListing(engines: [engine]).table.contains("  cuda:0, cuda:1  "))
        (engine.state, engine.devices, engine.startTier, engine.startMilliseconds) = ("placing", [], nil, nil)
        #expect(engine.sentence == "org/small: placing as e-3 on -")
        var model = ModelStatus.asleep
        #expect(model.sentence == "quiet: asleep, 400.0 MiB kept")
        model.template?.footprintBytes = nil
        #expect(model.sentence == "quiet: asleep")
    }

    @Test func whatUnloadSays() {
        var report = UnloadReport(model: "small", engines: ["e-3", "e-4"], freedBytes: 1 << 20, milliseconds: 12.5)
        #expect(report.sentence == "small: ended e-3, e-4, 1.0 MiB back in 12.5 ms")
        report.engines = []
        #expect(report.sentence == "small: gave up its weights, 1.0 MiB back in 12.5 ms")
        report.freedBytes = 0
        #expect(report.sentence == "small: was not loaded")
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
