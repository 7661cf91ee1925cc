import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct Shutdown {
        @Test func letsAStreamEnd() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 25)
                #expect(try await stream.nextToken() == "alpha:")
                controller.process.send(SIGTERM)
                _ = try await controller.process.waitForError(containing: "draining")
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 24) + [.done])
                #expect(try await controller.process.waitForEnd() == .status(0))
            }
        }

        @Test func refusesWhatIsNew() async throws {
            let models = [TestModel("alpha", arguments: ["sim-tokens-per-second": "20"]), TestModel("beta")]
            try await withController(.init(models)) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 30)
                #expect(try await stream.nextToken() == "alpha:")
                controller.process.send(SIGTERM)
                _ = try await controller.process.waitForError(containing: "draining")
                try await eventually("no new connection is taken") {
                    (try? await controller.ask("beta").status) != 200
                }
                #expect(try await stream.rest().last == .done)
            }
        }

        @Test func aSecondSignalEndsEverythingAtOnce() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "1"])
            try await withController(.init([model])) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 500)
                #expect(try await stream.nextToken() == "alpha:")
                controller.process.send(SIGTERM)
                _ = try await controller.process.waitForError(containing: "draining")
                controller.process.send(SIGINT)
                // The stream has minutes to go.
                _ = try await controller.process.waitForEnd(atMost: .seconds(30))
                #expect(try await stream.rest().last != .done)
            }
        }

        @Test func duringAStart() async throws {
            try await withController(.init([TestModel("alpha", arguments: ["sim-hang-at": "load"])])) { controller in
                let waiting = Task { try await controller.ask("alpha") }
                try await eventually("it starts") { try await controller.engines().first?.state == "starting" }
                controller.process.send(SIGTERM)
                #expect(try await waiting.value.error().code == "shutting_down")
                #expect(try await controller.process.waitForEnd() == .status(0))
            }
        }

        @Test func beforeTheRuntimeIsUp() async throws {
            let setup = ControllerSetup([TestModel("alpha")], environment: ["SIM_ZYGOTE_START_MS": "60000"])
            try await withController(setup) { controller in
                #expect(try await controller.runtime().state == "starting")
                controller.process.send(SIGINT)
                let exit = try await controller.process.waitForEnd(atMost: .seconds(30))
                #expect(exit == .status(0))
            }
        }
    }
}
