package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ServiceException;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.ext.ParamConverter;
import jakarta.ws.rs.ext.ParamConverterProvider;
import jakarta.ws.rs.ext.Provider;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.util.Arrays;

/** Converts integers of the query, so that the 400 for an invalid one names the parameter. The framework would answer 404. */
@Provider
public class IntegerParamConverter implements ParamConverterProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> ParamConverter<T> getConverter(Class<T> type, Type genericType, Annotation[] annotations) {
        boolean isInteger = type == Integer.class || type == int.class;
        return isInteger ? (ParamConverter<T>) new Converter(name(annotations)) : null;
    }

    private static String name(Annotation[] annotations) {
        return Arrays.stream(annotations)
                .filter(QueryParam.class::isInstance)
                .map(annotation -> ((QueryParam) annotation).value())
                .findFirst()
                .orElse("parameter");
    }

    private record Converter(String name) implements ParamConverter<Integer> {

        @Override
        public Integer fromString(String value) {
            try {
                return Integer.valueOf(value);
            } catch (NumberFormatException e) {
                throw ServiceException.invalid(name, "must be an integer of 32 bits");
            }
        }

        @Override
        public String toString(Integer value) {
            return value.toString();
        }
    }
}
