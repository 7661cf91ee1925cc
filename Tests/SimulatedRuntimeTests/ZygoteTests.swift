import CPlatform
import ControlProtocol
import Foundation
import NIOCore
import Testing

extension SimulatedRuntimeTests {
    @Suite struct ZygoteTests {
        @Test func itSaysHelloAndAnswers() throws {
            let runtime = try RuntimeUnderTest()
            let hello = try runtime.hello(from: "p-1")
            #expect(hello.version == controlProtocolVersion)
            #expect(hello.role == .zygote)
            #expect(hello.epoch == 4)
            #expect(hello.runtime == "simulated")
            #expect(hello.state == .idle)
            #expect(hello.versions?.isEmpty == false)
            #expect(try runtime.owned(by: "p-1") > 100_000)
        }

        @Test func whatItDoesNotUnderstandIsAnsweredWithAnError() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            for json in [#"{"type":"frobnicate","id":77}"#, #"{"type":"ping","id":77}"#] {
                var frame = ByteBuffer(integer: UInt32(json.utf8.count))
                frame.writeString(json)
                try runtime.controller.send(frame, to: "p-1")
                let answer = try runtime.controller.next(from: "p-1") { $0.answeredID == 77 ? $0 : nil }
                guard case .error = answer else {
                    Issue.record("\(json) was answered with \(answer)")
                    return
                }
            }
            #expect(try runtime.ping("p-1").progress == 0)
        }

        @Test func aChildHasItsLogItsFolderItsSessionAndItsCores() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            let core = try #require(Self.usableCores.first)
            let child = try runtime.fork("p-2", .core, cores: [core])
            #expect(getsid(pid_t(child.pid)) == pid_t(child.pid))
            #expect(try Self.mode(runtime.folder.appendingPathComponent("p-2.log")) == 0o600)
            #expect(try Self.mode(runtime.folder.appendingPathComponent("p-2")) == 0o700)
            let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
            #expect(status.contains("Cpus_allowed_list:\t\(core)\n"))
            let environment = try String(contentsOfFile: "/proc/\(child.pid)/environ", encoding: .utf8)
            #expect(environment.contains("TMPDIR=\(runtime.folder.path)/p-2"))
            #expect(try runtime.ping("p-1").progress == 1)
        }

        @Test func stopEndsAndReapsTheChildrenFirst() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            let child = try runtime.fork("p-2", .frontEnd)
            guard case .done = try runtime.stop("p-1") else {
                Issue.record("stop was not done")
                return
            }
            #expect(hasEnded(child.pidfd))
            #expect(try runtime.exit(of: "p-2").signal == 9)
            #expect(try runtime.zygoteEnd() == 0)
        }

        @Test func refusedMeansTheEnd() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_ZYGOTE_START_MS=50"])
            runtime.controller.refusal = "not today"
            _ = try runtime.hello(from: "p-1")
            #expect(try runtime.zygoteEnd() == 4)
            #expect(runtime.zygoteLog.contains("not today"))
        }

        @Test func itMayFailToStart() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_ZYGOTE_FAIL=1"])
            #expect(try runtime.zygoteEnd() == 1)
            #expect(runtime.zygoteLog.contains("SIM_ZYGOTE_FAIL"))
        }

        @Test func itMayFailToFork() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_FORK_FAIL=1", "SIM_FORK_MS=20"])
            _ = try runtime.hello(from: "p-1")
            let start = ContinuousClock.now
            guard case .failed = try runtime.requestFork("p-2", .core) else {
                Issue.record("the fork did not fail")
                return
            }
            #expect(ContinuousClock.now - start >= .milliseconds(20))
        }

        @Test func aLogThatCannotBeOpenedFailsTheFork() throws {
            let runtime = try RuntimeUnderTest()
            _ = try runtime.hello(from: "p-1")
            try FileManager.default.createDirectory(
                at: runtime.folder.appendingPathComponent("p-2.log"), withIntermediateDirectories: false)
            guard case .failed(let failed) = try runtime.requestFork("p-2", .core) else {
                Issue.record("the fork did not fail")
                return
            }
            #expect(failed.reason.contains("p-2.log: Is a directory"))
        }

        @Test func childrenMayCrashBeforeHello() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_IDLE_CRASH=1"])
            _ = try runtime.hello(from: "p-1")
            guard case .forked = try runtime.requestFork("p-2", .core) else {
                Issue.record("the fork failed")
                return
            }
            let exited = try runtime.exit(of: "p-2")
            #expect(exited.status == 1)
            #expect(exited.signal == nil)
        }

        @Test func itMayClaimAnotherVersion() throws {
            let runtime = try RuntimeUnderTest(environment: ["SIM_HELLO_VERSION=2"])
            #expect(try runtime.hello(from: "p-1").version == 2)
        }

        private static func mode(_ file: URL) throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            return try #require(attributes[.posixPermissions] as? Int)
        }

        private static var usableCores: [Int] {
            var cores = [Int32](repeating: 0, count: 1024)
            let count = wc_affinity(&cores, 1024)
            return cores.prefix(max(0, Int(count))).map(Int.init)
        }
    }
}
