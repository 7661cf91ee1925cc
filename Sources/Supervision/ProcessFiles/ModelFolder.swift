import Foundation
import Scheduling

/// A look at a model folder before any process is spent on it.
public enum ModelFolder {
    /// - Returns: the size of its weight files in bytes.
    /// - Throws: `ControllerError` with code `startFailed`: what is wrong with the folder.
    public static func inspect(_ path: String) throws -> Int {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw failure(
                "The model folder \(path) does not exist. Correct its path in the config, or put the model there.")
        }
        guard isDirectory.boolValue else { throw failure("The model path \(path) is a file; a model is a folder.") }
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        guard names.contains("config.json") else {
            throw failure(
                "The model folder \(path) has no config.json, so it is not a model (it holds \(names.count) files).")
        }
        let config = try Data(contentsOf: URL(fileURLWithPath: path + "/config.json"))
        guard (try? JSONSerialization.jsonObject(with: config)) is [String: Any] else {
            throw failure("\(path)/config.json is not a JSON object.")
        }
        try checkIndex(in: path)
        let safetensors = names.filter { $0.hasSuffix(".safetensors") }
        for name in safetensors { try checkSafetensors("\(path)/\(name)") }
        let weights = safetensors.isEmpty ? names.filter(isOtherWeights) : safetensors
        let bytes = try weights.reduce(0) { try $0 + size(of: "\(path)/\($1)") }
        guard bytes > 0 else {
            throw failure("The model folder \(path) has no weights (*.safetensors, *.bin, *.pt or *.gguf).")
        }
        return bytes
    }

    private static func isOtherWeights(_ name: String) -> Bool {
        [".bin", ".pt", ".pth", ".gguf"].contains { name.hasSuffix($0) }
    }

    /// Every shard that the index names has to be there.
    private static func checkIndex(in path: String) throws {
        let index = path + "/model.safetensors.index.json"
        guard let data = FileManager.default.contents(atPath: index) else { return }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let map = object["weight_map"] as? [String: String]
        else { throw failure("\(index) is not a JSON object with a weight_map.") }
        for shard in Set(map.values).sorted() where !FileManager.default.fileExists(atPath: "\(path)/\(shard)") {
            throw failure("\(index) names \(shard), which is missing. Copy the model again.")
        }
    }

    /// A safetensors file is an 8-byte little-endian length, so many bytes of a JSON header, then the data whose end the header
    /// names (https://github.com/huggingface/safetensors, "Format").
    private static func checkSafetensors(_ file: String) throws {
        let size = try size(of: file)
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
        defer { try? handle.close() }
        let prefix = try handle.read(upToCount: 8) ?? Data()
        guard prefix.count == 8 else { throw failure("\(file) is truncated: it has only \(size) bytes.") }
        let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length >= 2, length <= 100 << 20 else {
            throw failure("\(file) is not a safetensors file: it announces a header of \(length) bytes.")
        }
        let header = try handle.read(upToCount: Int(length)) ?? Data()
        guard header.count == Int(length) else {
            throw failure("\(file) is truncated within its header (\(size) bytes).")
        }
        guard let tensors = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
            throw failure("\(file) is damaged: its header is not JSON.")
        }
        let ends = tensors.values.compactMap { (($0 as? [String: Any])?["data_offsets"] as? [Int])?.last }
        let expected = 8 + Int(length) + (ends.max() ?? 0)
        guard size >= expected else {
            throw failure(
                "\(file) is truncated: it has \(size) bytes, and its header tells of \(expected). Copy the model again."
            )
        }
    }

    private static func size(of file: String) throws -> Int {
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw failure("\(file) cannot be read: \(String(cString: strerror(errno)))")
        }
        return Int(status.st_size)
    }

    private static func failure(_ message: String) -> ControllerError { ControllerError(.startFailed, message) }
}
