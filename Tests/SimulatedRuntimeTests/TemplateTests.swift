import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    @Suite struct TemplateTests {
        /// How long a stage takes that is not to be done again.
        private static let long: JSONValue = 150

        @Test func itIsPreparedStageByStage() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-config-ms": 20, "sim-app-ms": 30, "sim-memory-bytes": .integer(64 << 20)])
            let prepared = try runtime.prepared()
            #expect(prepared.model == "small")
            #expect(!prepared.weights)
            #expect(prepared.error == nil)
            #expect(prepared.stages.map(\.stage) == ["config", "app"])
            #expect(prepared.stages[0].milliseconds >= 20)
            #expect(prepared.stages[1].milliseconds >= 30)
            // It has no weights.
            #expect((100_000..<(64 << 20)).contains(prepared.privateBytes))
        }

        @Test func itsApplicationMayTakeAnotherTime() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-app-ms": 60_000, "sim-template-ms": 40])
            let app = try #require(try runtime.prepared().stages.last)
            #expect(app.stage == "app")
            #expect((40..<30_000).contains(app.milliseconds))
        }

        @Test func anEngineNeedNotDoWhatItsTemplateDid() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.writeOpening("first")
            try runtime.makeTemplate([
                "sim-config-ms": Self.long, "sim-app-ms": Self.long, "sim-load-ms": Self.long, "max-model-len": 2048,
            ])
            _ = try runtime.prepared()
            // The path and the arguments of the assignment are not looked at.
            try runtime.startEngine(["sim-fail-at": .string("load")], from: "p-9")
            let stages = try runtime.stages()
            #expect(stages.core.map(\.stage) == ["config", "attach", "load", "kv_cache", "warm_up"])
            #expect(stages.frontEnd.map(\.stage) == ["config", "app", "listen"])
            #expect((stages.core + stages.frontEnd).allSatisfy { $0.error == nil })
            #expect(stages.core[0].milliseconds == 0)
            #expect(stages.core[1].milliseconds > 0)
            #expect(stages.core[2].milliseconds >= 150)
            #expect(stages.frontEnd[0].milliseconds == 0)
            #expect(stages.frontEnd[1].milliseconds == 0)
            #expect(try runtime.opening() == "first:")
            let models = try HTTPConnection(runtime.socket).request("GET", "/v1/models").json()
            #expect((models["data"] as? [[String: Any]])?.first?["max_model_len"] as? Int == 2048)
        }

        @Test func weightsAreLoadedOnceAndOwnedByTheTemplate() throws {
            let bytes = 96 << 20
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-load-ms": Self.long, "sim-memory-bytes": .integer(bytes)], weights: true)
            let prepared = try runtime.prepared()
            #expect(prepared.weights)
            #expect(prepared.stages.map(\.stage) == ["config", "app", "attach", "load"])
            #expect(prepared.stages[3].milliseconds >= 150)
            #expect(prepared.privateBytes >= bytes)

            try runtime.startEngine([:], from: "p-9")
            let core = try runtime.stages().core
            #expect(core.map(\.stage) == ["config", "attach", "load", "kv_cache", "warm_up"])
            #expect(core.prefix(3).allSatisfy { $0.milliseconds == 0 })
            #expect(core[3].milliseconds > 0)
            #expect(try runtime.owned(by: "p-3") < bytes)
            #expect(try runtime.owned(by: "p-9") >= bytes)
        }

        @Test func weightsMayBeLoadedLater() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate()
            #expect(try !runtime.prepared().weights)
            // A process that was made before does not get them.
            _ = try runtime.fork("p-2", .frontEnd, from: "p-9")
            try runtime.prepare(weights: true)
            let prepared = try runtime.prepared()
            #expect(prepared.weights)
            #expect(prepared.stages.map(\.stage) == ["attach", "load"])
        }

        @Test func keptWeightsAreThoseThatWereLoaded() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.writeOpening("old")
            try runtime.makeTemplate(weights: true)
            _ = try runtime.prepared()
            try runtime.writeOpening("new")
            try runtime.startEngine([:], from: "p-9")
            try runtime.awaitReady()
            #expect(try runtime.opening() == "old:")
        }

        @Test func weightsThatAreNotKeptAreThoseOfTheStart() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.writeOpening("old")
            try runtime.makeTemplate()
            _ = try runtime.prepared()
            try runtime.writeOpening("new")
            try runtime.startEngine([:], from: "p-9")
            try runtime.awaitReady()
            #expect(try runtime.opening() == "new:")
        }

        @Test func itTellsWhereItStandsWhenItDialsAgain() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-app-ms": 1500])
            runtime.controller.close()
            try runtime.controller.open()
            #expect(try runtime.hello(from: "p-9").state == .preparing)
            _ = try runtime.prepared()
            runtime.controller.close()
            try runtime.controller.open()
            let hello = try runtime.hello(from: "p-9")
            #expect(hello.state == .prepared)
            #expect(hello.role == .template)
            #expect(hello.device == "cpu:0")
        }

        @Test func thatItIsPreparedIsToldToTheNextController() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-app-ms": 300])
            runtime.controller.close()
            // Longer than that stage; nobody is there who could tell.
            usleep(700_000)
            try runtime.controller.open()
            #expect(try runtime.prepared().error == nil)
        }
    }
}
