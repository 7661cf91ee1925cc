import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct ControlSocket {
        @Test func strangersChangeNothing() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let engine = try await controller.load("alpha")
                let zygote = try await controller.runtime().pid
                let core = try #require(try await controller.workers().first { $0.engine == engine.id })
                let worker = try await eventually("a worker is idle") {
                    try await controller.workers().first { $0.state == "idle" }
                }
                let folder = controller.folder

                // What is no frame, or no hello.
                let frames: [[UInt8]] = [
                    Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF],
                    [0, 0, 0, 2, 0x5B, 0x5D],
                    [0, 0, 0, 3, 1, 2, 3],
                ]
                for frame in frames {
                    let dial = try ControlDial(folder)
                    try dial.send(frame)
                    #expect(try dial.readToEnd().isEmpty)
                }
                for json in [#"{"type": "stop", "id": 1}"#, #"{"type": "hello"}"#, #"{"type": "no-such-thing"}"#] {
                    let dial = try ControlDial(folder)
                    try dial.send(frame: json)
                    #expect(try dial.readToEnd().isEmpty, "\(json)")
                }

                // A hello that cannot be true.
                let hellos: [(Hello, String)] = [
                    (Hello(version: 2), "Protocol 2 is not spoken here"),
                    (Hello(pid: engine.pid ?? 0), "the socket's peer is"),
                    (Hello(process: "nobody"), "is expected here"),
                    (Hello(process: "p-1", role: "core"), "is expected here"),
                    (Hello(process: "p-1", role: "zygote"), "has pid \(zygote ?? 0)"),
                    (Hello(process: core.id), "has pid \(core.pid ?? 0)"),
                    (Hello(process: worker.id), "has pid \(worker.pid ?? 0)"),
                    (Hello(epoch: 2), "of epoch 2"),
                ]
                for (hello, reason) in hellos {
                    let dial = try ControlDial(folder)
                    try dial.send(frame: hello.json)
                    let answer = try dial.readToEnd()
                    #expect(answer.contains(#""type":"refused""#), "\(hello.json): \(answer)")
                    #expect(answer.contains(reason), "\(hello.json): \(answer)")
                }

                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                #expect(try await controller.runtime().pid == zygote)
                #expect(try await controller.workers().contains { $0.id == worker.id && $0.state == "idle" })
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        /// As a process does whose controller died before it wrote down whom it had made.
        @Test(arguments: [0, 1])
        func aProcessThatNobodyKnowsIsEnded(epoch: Int) async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let engine = try await controller.load("alpha")
                let run = controller.folder.runDirectory
                let temporary = "\(run)/t/\(epoch)-p-999"
                let stranger = try ChildProcess([
                    Binaries.simulatedRuntime, "child", "--control", "\(run)/control.sock", "--process", "p-999",
                    "--runtime", "sim", "--epoch", "\(epoch)", "--orphan-timeout-ms", "60000", "--role", "core",
                    "--device", "cpu:0", "--temporary-directory", temporary,
                ])
                _ = try await stranger.waitForEnd()
                try await eventually("its folder is gone") { !FileManager.default.fileExists(atPath: temporary) }
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                #expect(try await !controller.workers().contains { $0.id == "p-999" })
            }
        }

        @Test func isForItsOwnerOnly() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                _ = try await controller.load("alpha")
                let run = controller.folder.runDirectory
                let modes = [
                    ("", 0o700), ("/control.sock", 0o600), ("/f/e-1.sock", 0o600), ("/t", 0o700), ("/logs", 0o700),
                ]
                for (name, mode) in modes {
                    let attributes = try FileManager.default.attributesOfItem(atPath: run + name)
                    #expect(attributes[.posixPermissions] as? Int == mode, "\(name)")
                }
            }
        }

        @Test func silentConnectionsAreHarmless() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let dials = try (0..<50).map { _ in try ControlDial(controller.folder) }
                // Half a frame, and then nothing.
                for dial in dials { try dial.send([0, 0, 1]) }
                _ = try await controller.ask("alpha").succeeded()
                _ = try await controller.unload("alpha")
            }
        }
    }
}

private struct Hello {
    var version = 1
    var epoch = 1
    var process = "p-2"
    var role = "core"
    var pid = Int(getpid())

    var json: String {
        #"{"type": "hello", "id": 7, "protocol": \#(version), "epoch": \#(epoch), "process": "\#(process)", "#
            + #""role": "\#(role)", "pid": \#(pid), "runtime": "sim", "state": "idle"}"#
    }
}
