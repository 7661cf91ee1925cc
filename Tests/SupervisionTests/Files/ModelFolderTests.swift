import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("A look at a model folder")
struct ModelFolderTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A safetensors file with one tensor of so many bytes.
    private func safetensors(header: String? = nil, announced: UInt64? = nil, data: Int = 100) -> [UInt8] {
        let header = header ?? #"{"__metadata__": {"format": "pt"}, "w": \#(tensor("[0, \(data)]"))}"#
        let length = announced ?? UInt64(header.utf8.count)
        return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
            + [UInt8](repeating: 1, count: data)
    }

    private func tensor(_ offsets: String) -> String {
        #"{"dtype": "F32", "shape": [25], "data_offsets": \#(offsets)}"#
    }

    /// The message of the refusal, which has the right code.
    private func refusal(_ path: String? = nil) throws -> String {
        let error = try #require(throws: ControllerError.self) { try ModelFolder.inspect(path ?? folder.path) }
        #expect(error.code == .startFailed)
        #expect(error.message.contains(path ?? folder.path))
        return error.message
    }

    private func refusal(ofWeights bytes: [UInt8]) throws -> String {
        try folder.write("config.json", "{}")
        try folder.write("model.safetensors", bytes)
        return try refusal()
    }

    @Test("No folder")
    func missing() throws {
        #expect(try refusal(folder.file("nowhere")).contains("does not exist"))
    }

    @Test("A file")
    func file() throws {
        #expect(try refusal(try folder.write("model", "x")).contains("is a file"))
    }

    @Test("An empty folder, and one without config.json")
    func noConfig() throws {
        #expect(try refusal().contains("has no config.json, so it is not a model (it holds 0 files)"))
        try folder.write("model.safetensors", safetensors())
        #expect(try refusal().contains("(it holds 1 files)"))
    }

    @Test("A config that is no JSON object", arguments: ["", "{", "[]", "3", "\u{0}", "null"])
    func badConfig(text: String) throws {
        try folder.write("config.json", text)
        #expect(try refusal().contains("config.json is not a JSON object"))
    }

    @Test("A config that cannot be read")
    func unreadableConfig() throws {
        try folder.makeFolder("config.json")
        #expect(try refusal().contains("config.json cannot be read"))
        try FileManager.default.removeItem(atPath: folder.file("config.json"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("config.json"), withDestinationPath: folder.file("gone"))
        #expect(try refusal().contains("config.json cannot be read"))
    }

    @Test("No weights, or only empty ones")
    func noWeights() throws {
        try folder.write("config.json", "{}")
        try folder.write("tokenizer.json", "{}")
        #expect(try refusal().contains("has no weights"))
        try folder.write("pytorch_model.bin", "")
        #expect(try refusal().contains("has no weights"))
    }

    @Test("Good safetensors: their size, not that of other weights beside them")
    func good() throws {
        try folder.write("config.json", "{}")
        try folder.write("model-1.safetensors", safetensors(data: 1000))
        try folder.write("model-2.safetensors", safetensors(data: 500))
        try folder.write("pytorch_model.bin", [UInt8](repeating: 0, count: 9999))
        let expected = safetensors(data: 1000).count + safetensors(data: 500).count
        #expect(try ModelFolder.inspect(folder.path).weightBytes == expected)
        #expect(try ModelFolder.inspect(folder.path + "/").weightBytes == expected)
    }

    @Test("A folder of links, as a hub cache has them")
    func links() throws {
        let blobs = try folder.makeFolder("blobs")
        try folder.write("blobs/a", "{}")
        try folder.write("blobs/b", safetensors())
        let snapshot = try folder.makeFolder("snapshot")
        for (name, blob) in [("config.json", "a"), ("model.safetensors", "b")] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(snapshot)/\(name)", withDestinationPath: "\(blobs)/\(blob)")
        }
        #expect(try ModelFolder.inspect(snapshot).weightBytes == safetensors().count)
        try FileManager.default.removeItem(atPath: "\(blobs)/b")
        #expect(try refusal(snapshot).contains("model.safetensors cannot be read: No such file or directory"))
    }

    @Test("A header padded with spaces, and one without tensors, are allowed")
    func padded() throws {
        try folder.write("config.json", "{}")
        try folder.write("model.safetensors", safetensors(header: #"{"w": \#(tensor("[0, 100]"))}   "#))
        #expect(throws: Never.self) { try ModelFolder.inspect(folder.path) }
        try folder.write("model.safetensors", safetensors(header: "{}", data: 0))
        #expect(try ModelFolder.inspect(folder.path).weightBytes == 10)
    }

    @Test("Other weights where there are no safetensors", arguments: ["a.bin", "a.pt", "a.pth", "a.gguf"])
    func otherWeights(name: String) throws {
        try folder.write("config.json", "{}")
        try folder.write(name, [UInt8](repeating: 0, count: 321))
        #expect(try ModelFolder.inspect(folder.path).weightBytes == 321)
    }

    @Test("Truncated in its data by a single byte")
    func truncatedData() throws {
        #expect(try refusal(ofWeights: safetensors().dropLast()).contains("is truncated: it has"))
    }

    @Test("Truncated within its header, or within the 8 bytes before")
    func truncatedHeader() throws {
        #expect(
            try refusal(ofWeights: Array(safetensors().prefix(30))).contains("truncated within its header (30 bytes)"))
        for length in [0, 1, 7] {
            let message = try refusal(ofWeights: Array(safetensors().prefix(length)))
            #expect(message.contains("is truncated: it has only \(length) bytes"))
        }
    }

    @Test("An absurd header length", arguments: [0, 1, (100 << 20) + 1, UInt64(Int.max), .max] as [UInt64])
    func absurdHeader(length: UInt64) throws {
        #expect(
            try refusal(ofWeights: safetensors(announced: length)).contains("announces a header of \(length) bytes"))
    }

    @Test("The longest header allowed, announced by a small file")
    func longHeader() throws {
        #expect(try refusal(ofWeights: safetensors(announced: 100 << 20)).contains("truncated within its header"))
    }

    @Test("A header that is no JSON object", arguments: ["[]", "{\"w\"", "\u{0}\u{0}", "12"])
    func headerNotJSON(header: String) throws {
        #expect(try refusal(ofWeights: safetensors(header: header)).contains("its header is not a JSON object"))
    }

    @Test(
        "Offsets that make no sense",
        arguments: [
            "[0, 1e30]", "[-5, 10]", "[10, 5]", "[-9223372036854775808, -1]", "[0, 1.5]", #"["0", "4"]"#, "[]", "[5]",
            "[0, 1, 2]", "null", "7", "[0, null]", "[0, 99999999999999999999]",
        ] as [String])
    func badOffsets(offsets: String) throws {
        let message = try refusal(ofWeights: safetensors(header: #"{"w": \#(tensor(offsets))}"#))
        #expect(message.contains("does not say where 'w' lies"))
    }

    @Test("Offsets beyond all files", arguments: [Int.max, Int.max - 8, 1 << 62, 1 << 40])
    func hugeOffsets(end: Int) throws {
        let message = try refusal(ofWeights: safetensors(header: #"{"w": \#(tensor("[0, \(end)]"))}"#))
        #expect(message.contains("is truncated"))
    }

    @Test("A tensor that is none", arguments: ["3", "null", "{}", "[]"])
    func badTensor(tensor: String) throws {
        #expect(try refusal(ofWeights: safetensors(header: #"{"w": \#(tensor)}"#)).contains("where 'w' lies"))
    }

    @Test("Weights that are a folder or a pipe are not waited for")
    func notFiles() throws {
        try folder.write("config.json", "{}")
        try folder.makeFolder("model.safetensors")
        #expect(try refusal().contains("model.safetensors is not a file"))
        try FileManager.default.removeItem(atPath: folder.file("model.safetensors"))
        try #require(mkfifo(folder.file("model.safetensors"), 0o600) == 0)
        #expect(try refusal().contains("model.safetensors is not a file"))
    }

    @Test("An index that names a shard which is missing")
    func missingShard() throws {
        try folder.write("config.json", "{}")
        try folder.write("a.safetensors", safetensors())
        try folder.write(
            "model.safetensors.index.json", #"{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}"#)
        #expect(try refusal().contains("names b.safetensors, which is missing"))
        try folder.write("b.safetensors", safetensors())
        #expect(try ModelFolder.inspect(folder.path).weightBytes == 2 * safetensors().count)
    }

    @Test("An index that is none", arguments: ["", "[]", "{}", #"{"weight_map": []}"#, #"{"weight_map": {"x": 3}}"#])
    func badIndex(text: String) throws {
        try folder.write("config.json", "{}")
        try folder.write("a.safetensors", safetensors())
        try folder.write("model.safetensors.index.json", text)
        #expect(try refusal().contains("is not a JSON object with a weight_map"))
    }
}
