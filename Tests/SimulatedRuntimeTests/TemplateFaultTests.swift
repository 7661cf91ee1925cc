import CPlatform
import ControlProtocol
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// What a template refuses, and how it fails when a test wants it to.
    @Suite struct TemplateFaultTests {
        private func reason(_ answer: ControlMessage) throws -> String {
            guard case .failed(let failed) = answer else { throw TestFailure("not refused: \(answer)") }
            return failed.reason
        }

        @Test func itForksNothingBeforeItIsPrepared() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            _ = try runtime.fork("p-9", .template)
            #expect(try reason(runtime.requestFork("p-2", .core, from: "p-9")).contains("not prepared"))
            try runtime.prepare(["sim-app-ms": 300], weights: false)
            #expect(try reason(runtime.requestFork("p-2", .core, from: "p-9")).contains("not prepared"))
            #expect(try reason(runtime.requestPreparation()).contains("is preparing"))
            _ = try runtime.prepared()
            _ = try runtime.fork("p-2", .core, from: "p-9")
        }

        @Test(arguments: [WireRole.zygote, .template, .worker])
        func itMakesOnlyFrontEndsAndCores(_ role: WireRole) throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate()
            _ = try runtime.prepared()
            #expect(try reason(runtime.requestFork("p-2", role, from: "p-9")).contains("only front ends and cores"))
        }

        @Test func itKeepsItsModel() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate()
            _ = try runtime.prepared()
            #expect(try reason(runtime.requestPreparation(of: "other")).contains("'small' is here"))
            let changed: [String: JSONValue] = ["max-model-len": 2]
            #expect(try reason(runtime.requestPreparation(changed, weights: true)).contains("'small' is here"))
            #expect(try reason(runtime.requestPreparation()).contains("prepared already"))
            try runtime.prepare(weights: true)
            _ = try runtime.prepared()
            #expect(try reason(runtime.requestPreparation(weights: true)).contains("prepared already"))
        }

        @Test func othersAreNotPrepared() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            _ = try runtime.fork("p-9", .core)
            guard case .error = try runtime.requestPreparation() else {
                Issue.record("a core took a preparation")
                return
            }
        }

        @Test(arguments: [("config", []), ("app", ["config"]), ("load", ["config", "app", "attach"])])
        func aStageMayFail(_ stage: String, _ before: [String]) throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-template-fail-at": .string(stage)], weights: true)
            let prepared = try runtime.prepared()
            #expect(prepared.error == "sim-template-fail-at: \(stage)")
            #expect(prepared.stages.map(\.stage) == before)
            #expect(prepared.weights)
            #expect(try runtime.exit(of: "p-9").status == 1)
        }

        @Test func anArgumentThatItDoesNotKnowFailsIt() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-template-fail-at": .string("listen")])
            #expect(try runtime.prepared().error?.contains("give one of config, app, attach, load") == true)
            #expect(try runtime.exit(of: "p-9").status == 1)
        }

        @Test func aStageMayCrash() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-template-crash-at": .string("app")])
            #expect(try runtime.exit(of: "p-9").signal == 9)
        }

        @Test func aStageMayHangAndPingsAreAnswered() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-template-hang-at": .string("app")])
            while try runtime.ping("p-9").progress == 0 { usleep(1000) }
            #expect(try runtime.ping("p-9").progress == 1)
            guard case .done = try runtime.stop("p-9") else {
                Issue.record("the template did not stop")
                return
            }
            #expect(try runtime.exit(of: "p-9").status == 0)
        }

        /// What is to go wrong in an engine goes wrong there only, and the other way round.
        @Test func anEnginesFaultsAreNotItsTemplates() throws {
            let runtime = try RuntimeUnderTest()
            let arguments: [String: JSONValue] = [
                "sim-crash-at": .string("kv_cache"), "sim-fail-at": .string("app"),
                "sim-template-fail-at": .string("load"), "sim-attach-ms": 500,
            ]
            try runtime.makeTemplate(arguments)
            #expect(try runtime.prepared().error == nil)
            try runtime.startEngine([:], from: "p-9")
            #expect(try runtime.exit(of: "p-3", toldBy: "p-9").signal == 9)
            #expect(try runtime.exit(of: "p-2", toldBy: "p-9").status == 5)
            let core = try (0..<3).map { _ in try runtime.nextStage(of: "p-3") }
            #expect(core.map(\.stage) == ["config", "attach", "load"])
            #expect(core.allSatisfy { $0.error == nil })
        }

        @Test func whatItMakesMayCrash() throws {
            let runtime = try RuntimeUnderTest()
            try runtime.makeTemplate(["sim-template-children-crash": .bool(true)])
            _ = try runtime.prepared()
            guard case .forked = try runtime.requestFork("p-2", .core, from: "p-9") else {
                Issue.record("the fork failed")
                return
            }
            #expect(try runtime.exit(of: "p-2", toldBy: "p-9").status == 1)
        }

        @Test(arguments: [false, true])
        func itsEngineOutlivesIt(isKilled: Bool) throws {
            let runtime = try RuntimeUnderTest()
            let template = try runtime.makeTemplate(weights: true)
            _ = try runtime.prepared()
            let engine = try runtime.startEngine([:], from: "p-9")
            try runtime.awaitReady()
            if isKilled {
                #expect(wc_pidfd_signal(template, SIGKILL) == 0)
                #expect(try runtime.exit(of: "p-9").signal == 9)
            } else {
                _ = try runtime.stop("p-9")
                #expect(try runtime.exit(of: "p-9").status == 0)
            }
            #expect(try runtime.opening() == "model:")
            #expect(try runtime.ping("p-3").re > 0)
            #expect(wc_pidfd_signal(engine.core, SIGKILL) == 0)
            #expect(hasEnded(engine.frontEnd))
        }

        @Test func withoutAControllerItEnds() throws {
            let runtime = try RuntimeUnderTest(orphanTimeoutMilliseconds: 500)
            let template = try runtime.makeTemplate()
            _ = try runtime.prepared()
            let core = try runtime.fork("p-3", .core, from: "p-9")
            runtime.controller.close()
            #expect(hasEnded(template))
            #expect(hasEnded(core.pidfd))
        }
    }
}
