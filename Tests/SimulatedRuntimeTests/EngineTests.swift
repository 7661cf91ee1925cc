import CPlatform
import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    @Suite struct EngineTests {
        /// Long enough for both processes to be assigned: an assignment fails if the other process failed already.
        private static let bothAreAssigned: JSONValue = 500

        @Test func itStartsStageByStageAndServes() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-load-ms": 60, "max-model-len": 2048, "dtype": .string("auto")])
            let core = try (0..<5).map { _ in try runtime.nextStage(of: "p-3") }
            #expect(core.map(\.stage) == ["config", "attach", "load", "kv_cache", "warm_up"])
            let frontEnd = try (0..<3).map { _ in try runtime.nextStage(of: "p-2") }
            #expect(frontEnd.map(\.stage) == ["config", "app", "listen"])
            for stage in core + frontEnd {
                #expect(stage.engine == RuntimeUnderTest.engine)
                #expect(stage.generation == RuntimeUnderTest.generation)
                #expect(stage.error == nil)
            }
            #expect(core[2].milliseconds >= 60)

            let mode = try FileManager.default.attributesOfItem(atPath: runtime.socket)[.posixPermissions]
            #expect(mode as? Int == 0o600)
            #expect(try HTTPConnection(runtime.socket).request("GET", "/health").status == 200)
        }

        @Test func whenOneProcessIsKilledTheOtherEndsToo() throws {
            let runtime = try RuntimeUnderTest()
            let engine = try runtime.startEngine()
            try runtime.awaitReady()
            #expect(wc_pidfd_signal(engine.core, SIGKILL) == 0)
            #expect(try runtime.exit(of: "p-3").signal == 9)
            #expect(try runtime.exit(of: "p-2").status == 5)
            #expect(throws: TestFailure.self) { try HTTPConnection(runtime.socket) }
        }

        @Test func aSecondAssignmentIsRefused() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine()
            guard case .failed(let failed) = try runtime.assign("p-2", peer: 1, [:]) else {
                Issue.record("a second engine was accepted")
                return
            }
            #expect(failed.reason.contains("not idle"))
        }

        @Test func aPeerThatIsGoneFailsTheAssignment() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            _ = try runtime.fork("p-3", .core)
            guard case .failed = try runtime.assign("p-3", peer: Int(Int32.max), [:]) else {
                Issue.record("a core without a front end was accepted")
                return
            }
            guard case .done = try runtime.stop("p-3") else {
                Issue.record("the core did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-3").status == 0)
        }

        @Test(arguments: [
            ("load", "p-3", "sim-fail-at: load"), ("app", "p-2", "sim-fail-at: app"),
        ])
        func aStageMayFail(_ stage: String, _ process: String, _ error: String) throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-fail-at": .string(stage), "sim-config-ms": Self.bothAreAssigned])
            let failed = try runtime.controller.next(from: process) { message -> Stage? in
                if case .stage(let stage) = message, stage.error != nil { stage } else { nil }
            }
            #expect(failed.stage == stage)
            #expect(failed.error == error)
            #expect(try runtime.exit(of: process).status == 1)
            #expect(try runtime.exit(of: process == "p-2" ? "p-3" : "p-2").status == 5)
        }

        @Test func anUnknownArgumentFailsTheConfigStage() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            let frontEnd = try runtime.fork("p-2", .frontEnd)
            _ = try runtime.fork("p-3", .core)
            guard case .accepted = try runtime.assign("p-3", peer: frontEnd.pid, ["sim-colour": .string("red")]) else {
                Issue.record("the core did not accept")
                return
            }
            let stage = try runtime.nextStage(of: "p-3")
            #expect(stage.stage == "config")
            #expect(stage.error?.contains("unknown argument 'sim-colour'") == true)
            #expect(try runtime.exit(of: "p-3").status == 1)
        }

        @Test func aStageMayCrash() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-crash-at": .string("kv_cache"), "sim-config-ms": Self.bothAreAssigned])
            #expect(try runtime.exit(of: "p-3").signal == 9)
            #expect(try runtime.exit(of: "p-2").status == 5)
            let stages = try (0..<3).map { _ in try runtime.nextStage(of: "p-3").stage }
            #expect(stages == ["config", "attach", "load"])
        }

        @Test func aStageMayHangAndPingsAreAnswered() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-hang-at": .string("load")])
            #expect(try runtime.nextStage(of: "p-3").stage == "config")
            #expect(try runtime.nextStage(of: "p-3").stage == "attach")
            let before = try runtime.ping("p-3").progress
            #expect(before == 2)
            #expect(try runtime.ping("p-3").progress == before)
            guard case .done = try runtime.stop("p-3") else {
                Issue.record("the core did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-3").status == 0)
            #expect(try runtime.exit(of: "p-2").status == 5)
        }

        @Test func itOwnsTheMemoryAndWritesTheLogItIsToldTo() throws {
            let bytes = 96 << 20
            let runtime = try RuntimeUnderTest()
            try runtime.startEngine(["sim-memory-bytes": .integer(bytes), "sim-log-bytes": 100_000])
            try runtime.awaitReady()
            #expect(try runtime.owned(by: "p-3") >= bytes)
            let log = try Data(contentsOf: runtime.folder.appendingPathComponent("p-3.log"))
            #expect(log.count >= 100_000)
        }

        @Test func theCoreMayCrashAfterSoManyRequests() throws {
            let runtime = try RuntimeUnderTest()
            // No answer comes before the crash.
            try runtime.startEngine(["sim-crash-after-requests": 2, "sim-first-token-ms": 60_000])
            try runtime.awaitReady()
            let body = #"{"model":"small","prompt":"one"}"#
            let connections = try (0..<2).map { _ in try HTTPConnection(runtime.socket) }
            for connection in connections {
                #expect(try runtime.ping("p-3").progress == 5)
                try connection.send("POST", "/v1/completions", body)
            }
            #expect(try runtime.exit(of: "p-3").signal == 9)
            #expect(try runtime.exit(of: "p-2").status == 5)
            for connection in connections { #expect(connection.isClosedByServer()) }
        }
    }
}

extension JSONValue: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int) {
        self = .integer(value)
    }
}
